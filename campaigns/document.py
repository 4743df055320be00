"""Reading a JSON document field by field, so that every complaint names the field it is about."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from domain.errors import BadInput
from domain.i18n import _


class Fields:
    """One object of a document. where: its path for people, e.g. `rules.retry.BUSY`."""

    def __init__(self, value: object, where: str) -> None:
        if not isinstance(value, Mapping):
            raise BadInput(_("{field} must be an object with named fields.").format(field=where))
        self._values: Mapping[str, Any] = value
        self._where = where

    def path(self, name: str) -> str:
        return f"{self._where}.{name}"

    def only(self, known: Collection[str]) -> None:
        """Raises BadInput for a field nobody knows: a misspelt rule must not be silently ignored."""
        unknown = sorted(str(name) for name in self._values if name not in known)
        if unknown:
            raise BadInput(
                _("{field} is not a known rule. Known here: {known}.").format(
                    field=self.path(unknown[0]), known=", ".join(sorted(known))
                )
            )

    def has(self, name: str) -> bool:
        return name in self._values

    def raw(self, name: str) -> object:
        return self._values[name]

    def number(self, name: str, default: float, low: float, high: float) -> float:
        value = self._values.get(name, default)
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise BadInput(_("{field} must be a number.").format(field=self.path(name)))
        # A NaN compares false with everything, so it fails here too.
        if not low <= value <= high:
            raise BadInput(
                _("{field} is {value}; it must lie between {low} and {high}.").format(
                    field=self.path(name), value=value, low=f"{low:g}", high=f"{high:g}"
                )
            )
        return float(value)

    def integer(self, name: str, default: int, low: int, high: int) -> int:
        value = self.number(name, default, low, high)
        if value != int(value):
            raise BadInput(_("{field} must be a whole number.").format(field=self.path(name)))
        return int(value)

    def text(self, name: str, default: str) -> str:
        value = self._values.get(name, default)
        if not isinstance(value, str):
            raise BadInput(_("{field} must be text.").format(field=self.path(name)))
        return value

    def texts(self, name: str, default: Collection[str]) -> tuple[str, ...]:
        value = self._values.get(name, list(default))
        if not isinstance(value, list | tuple) or not all(isinstance(item, str) for item in value):
            raise BadInput(_("{field} must be a list of texts.").format(field=self.path(name)))
        return tuple(value)

    def numbers(self, name: str, default: Collection[float], low: float, high: float) -> tuple[float, ...]:
        value = self._values.get(name, list(default))
        if not isinstance(value, list | tuple) or not value:
            raise BadInput(_("{field} must be a list of at least one number.").format(field=self.path(name)))
        items = Fields({f"{name}[{i}]": item for i, item in enumerate(value)}, self._where)
        return tuple(items.number(f"{name}[{i}]", 0, low, high) for i in range(len(value)))

    def part(self, name: str) -> Fields:
        return Fields(self._values.get(name, {}), self.path(name))

    def names(self) -> tuple[str, ...]:
        return tuple(str(name) for name in self._values)
