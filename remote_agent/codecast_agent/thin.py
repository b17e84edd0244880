"""A stand-in for `typing`, put in its place where programs run and nobody checks types.

The real one costs a relay 5 ms of its start and 0.9 MB, and each supervisor 0.3 MB. Here names
can be subscripted, called and derived from, and mean nothing; NamedTuple makes named tuples.
"""

# mypy: disable-error-code="no-untyped-def"
import sys
from collections import namedtuple
from types import ModuleType


class _Name:
    """`Dict`, `Dict[str, Any]`, `TypeVar("T")`; as a base it is none."""

    def __getitem__(self, key):
        return self

    def __call__(self, *args, **options):
        return self

    def __mro_entries__(self, bases):
        return ()


class _Named(type):
    """Makes a named tuple of a class with annotations."""

    def __new__(cls, name, bases, space):
        fields = space.get("__annotations__", {})
        defaults = [space[field] for field in fields if field in space]
        made = namedtuple(name, fields, defaults=defaults, module=space["__module__"])  # type: ignore[misc]
        for key, value in space.items():
            if key not in fields and (key == "__doc__" or not key.startswith("__")):
                setattr(made, key, value)
        return made


class _NamedTuple:
    def __mro_entries__(self, bases):
        return (type.__new__(_Named, "NamedTuple", (), {}),)


class _Typing(ModuleType):
    NamedTuple = _NamedTuple()
    Protocol = object
    TYPE_CHECKING = False
    _name = _Name()

    @staticmethod
    def cast(kind, value):
        return value

    @staticmethod
    def overload(function):
        return function

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return self._name


def install() -> None:
    """From now on `typing` is this, for whoever imports it first."""
    sys.modules.setdefault("typing", _Typing("typing"))
