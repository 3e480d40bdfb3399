"""What the control domain of a host answers to the few commands that may be run on it."""

import re
import shlex
from collections.abc import Callable, Mapping, Sequence
from typing import Final, NamedTuple, Protocol


class Dom0(Protocol):
    """The state of a control domain, read anew for every command."""

    @property
    def packages(self) -> Sequence[str]:
        """Installed rpm packages, name-version-release.arch."""

    @property
    def boot_id(self) -> str:
        """The uuid that the kernel drew at this boot."""

    @property
    def free_kib(self) -> int:
        """Free space on the root file system, in KiB."""

    @property
    def hostname(self) -> str:
        """The host's name for itself."""


class Answer(NamedTuple):
    """What a command wrote, and its exit status."""

    stdout: str = ""
    stderr: str = ""
    status: int = 0


_ROOT_KIB: Final = 4128448
"""The root file system of a XenServer 6.x is a partition of 4 GiB, of which ext3 reserves 5 %."""
_RESERVED_KIB: Final = 209712

_SHELL: Final = re.compile(r"[`$\n]")
_OPERATORS: Final = frozenset("();<>|&")
_REFUSED: Final = "command refused by the simulator"


def run(command: str, dom0: Dom0) -> Answer:
    """Carry out one command line; what is not on the list, or needs a shell, is refused with status 127."""
    words = _words(command)
    if words is None:
        return _refused(command)
    program = _PROGRAMS.get(words[0])
    return (program and program(words[1:], dom0)) or _refused(command)


def _words(command: str) -> list[str] | None:
    """Split a command line as a shell does; None if it asks for more than one plain command."""
    if _SHELL.search(command):
        return None
    lexer = shlex.shlex(command, posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    lexer.commenters = ""
    try:
        words = list(lexer)
    except ValueError:
        return None
    if not words or any(_OPERATORS.issuperset(word) for word in words if word):
        return None
    return words


def _refused(command: str) -> Answer:
    return Answer(stderr=f"{_REFUSED}: {command:.200}\n", status=127)


def _cat(words: Sequence[str], dom0: Dom0) -> Answer | None:
    return Answer(f"{dom0.boot_id}\n") if words == ["/proc/sys/kernel/random/boot_id"] else None


def _hostname(words: Sequence[str], dom0: Dom0) -> Answer | None:
    return None if words else Answer(f"{dom0.hostname}\n")


def _df(words: Sequence[str], dom0: Dom0) -> Answer | None:
    if words not in (["-P", "/"], ["-P", "-k", "/"], ["-k", "-P", "/"], ["-Pk", "/"], ["-kP", "/"]):
        return None
    free = dom0.free_kib
    total = max(_ROOT_KIB, free + _RESERVED_KIB)
    used = total - _RESERVED_KIB - free
    capacity = -(-100 * used // (used + free))
    return Answer(
        "Filesystem         1024-blocks      Used Available Capacity Mounted on\n"
        f"/dev/sda1            {total:>10} {used:>9} {free:>9} {capacity:>7}% /\n"
    )


class _Rpm(NamedTuple):
    name: str
    version: str
    release: str
    arch: str

    @classmethod
    def of(cls, nvra: str) -> "_Rpm":
        nvr, _, arch = nvra.rpartition(".")
        name, version, release = nvr.rsplit("-", 2)
        return cls(name, version, release, arch)

    def answers_to(self, asked: str) -> bool:
        names = (self.name, f"{self.name}-{self.version}", f"{self.name}-{self.version}-{self.release}")
        return asked in names or asked in {f"{name}.{self.arch}" for name in names}

    def tags(self) -> Mapping[str, str]:
        return {tag.upper(): value for tag, value in self._asdict().items()} | {"EPOCH": "(none)"}


_TAG: Final = re.compile(r"%\{([A-Za-z]*)\}|\\(.)")
_PLAIN_FORMAT: Final = r"%{NAME}-%{VERSION}-%{RELEASE}\n"
"""What rpm 4.4, that of CentOS 5, prints if nothing else is asked for: no architecture."""
_CONTROL: Final = {"n": "\n", "t": "\t", "\\": "\\"}


def _rpm(words: Sequence[str], dom0: Dom0) -> Answer | None:
    query = _rpm_query(words)
    if query is None:
        return None
    form, asked = query
    if not asked:
        return Answer(stderr="rpm: no arguments given for query\n", status=1)
    unknown = [tag for tag, _ in _TAG.findall(form) if tag and tag.upper() not in _Rpm("", "", "", "").tags()]
    if unknown:
        return Answer(stderr="error: incorrect format: unknown tag\n", status=1)
    installed = [_Rpm.of(package) for package in dom0.packages]
    output, missing = "", 0
    for name in asked:
        found = [package for package in installed if package.answers_to(name)]
        output += "".join(_formatted(form, package) for package in found)
        if not found:
            output += f"package {name} is not installed\n"
            missing += 1
    return Answer(output, status=min(missing, 254))


def _rpm_query(words: Sequence[str]) -> tuple[str, list[str]] | None:
    """Return the format and the names asked for; None for what is not such a query."""
    form, names, query = _PLAIN_FORMAT, [], False
    rest = list(words)
    while rest:
        word = rest.pop(0)
        option, equals, value = word.partition("=")
        if word in ("-q", "--query"):
            query = True
        elif option in ("--qf", "--queryformat") and (equals or rest):
            form = value if equals else rest.pop(0)
        elif word.startswith("-"):
            return None
        else:
            names.append(word)
    return (form, names) if query else None


def _formatted(form: str, package: _Rpm) -> str:
    tags = package.tags()
    return _TAG.sub(
        lambda found: tags[found[1].upper()] if found[1] else _CONTROL.get(found[2], found[2]), form
    )


_PROGRAMS: Final[Mapping[str, Callable[[Sequence[str], Dom0], Answer | None]]] = {
    "cat": _cat,
    "df": _df,
    "hostname": _hostname,
    "rpm": _rpm,
}
