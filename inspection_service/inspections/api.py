"""What the addresses of plans, visits and interests take alike."""

from typing import Annotated

from pydantic import Field

Id = Annotated[str, Field(min_length=1, max_length=100)]
Grounds = Annotated[str, Field(min_length=1, max_length=2000)]
Departments = Annotated[list[Id], Field(min_length=1, max_length=20)]
