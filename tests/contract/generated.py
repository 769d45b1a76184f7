"""Hypothesis strategies for messages, from their types alone."""

from typing import Any

import msgspec
from hypothesis import strategies as st
from msgspec import inspect as mi

INTEGERS = st.integers(-(2**63), 2**63 - 1)
FLOATS = st.floats(allow_nan=False, allow_infinity=False)
JSON_VALUES = st.recursive(
    st.none() | st.booleans() | INTEGERS | FLOATS | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3)
    ),
    max_leaves=8,
)

SCALARS: dict[type[mi.Type], st.SearchStrategy[Any]] = {
    mi.BoolType: st.booleans(),
    mi.BytesType: st.binary(max_size=32),
    mi.CustomType: JSON_VALUES,
    mi.NoneType: st.none(),
}


ANYTHING = st.characters(exclude_categories=["Cs"])
PRINTABLE = st.characters(exclude_categories=["Cc", "Cs"])


def messages(message_type: type[msgspec.Struct]) -> st.SearchStrategy[Any]:
    """Return any values of a message type."""
    return _values(mi.type_info(message_type))


def _values(info: mi.Type) -> st.SearchStrategy[Any]:
    if isinstance(info, mi.UnionType):
        return st.one_of([_values(each) for each in info.types])
    scalar = SCALARS.get(type(info))
    return _composed(info) if scalar is None else scalar


def _composed(info: mi.Type) -> st.SearchStrategy[Any]:
    match info:
        case mi.IntType() | mi.FloatType() | mi.StrType():
            return _bounded(info)
        case mi.LiteralType(values=values):
            return st.sampled_from(values)
        case mi.VarTupleType(item_type=item):
            return st.lists(_values(item), max_size=3).map(tuple)
        case mi.DictType(key_type=key, value_type=value):
            return st.dictionaries(_values(key), _values(value), max_size=3)
        case mi.StructType(cls=struct, fields=fields):
            return st.builds(struct, **{field.name: _values(field.type) for field in fields})
    raise TypeError(f"no values for {info}")


def _bounded(info: mi.IntType | mi.FloatType | mi.StrType) -> st.SearchStrategy[Any]:
    if isinstance(info, mi.IntType):
        lowest, highest = info.ge, info.le
        return st.integers(
            -(2**63) if lowest is None else lowest, 2**63 - 1 if highest is None else highest
        )
    if isinstance(info, mi.FloatType):
        return st.floats(info.ge, info.le, allow_nan=False, allow_infinity=False)
    alphabet = ANYTHING if info.pattern is None else PRINTABLE
    return st.text(alphabet, min_size=info.min_length or 0, max_size=12)
