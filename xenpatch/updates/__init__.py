"""One module a mechanism by which a generation of XenServer takes updates."""
