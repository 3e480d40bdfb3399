"""GET /pool/xmldbdump: the database as a file. Source: xapi 6.0.2, module Pool_db_backup."""

from simulator import persistence
from simulator.call import Call, XapiError, route
from simulator.dump import save
from simulator.http import Request


@route("GET", "/pool/xmldbdump")
def send_database(request: Request, call: Call) -> None:
    """Send the whole database, without a length; it ends with the connection. Only the master has it."""
    if call.host != call.world.master:
        raise XapiError("HOST_IS_SLAVE", call.db.get("host", call.world.master)["address"])
    request.close = True
    request.send_head()
    request.send(save(persistence.extract(call.db)))
