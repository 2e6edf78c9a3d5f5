"""What is written to a service's environment file is what the service reads."""

from __future__ import annotations

from io import StringIO

from dotenv import dotenv_values
from hummingbus.stack.environment_file import rendered
from hypothesis import given
from hypothesis import strategies as st

NASTY = st.text(alphabet=st.sampled_from("${}'\"\\ #=:-aHOME\n\té"), max_size=30)


@given(value=NASTY)
def test_any_value_survives(value: str) -> None:
    assert dotenv_values(stream=StringIO(rendered({"A": value, "B": "$argon2id$v=19$x"}))) == {
        "A": value,
        "B": "$argon2id$v=19$x",
    }
