"""Answers of /accounts."""

from __future__ import annotations

from pydantic import BaseModel, Field


class Message(BaseModel):
    """What was done."""

    message: str = Field(examples=["Account added successfully."])
