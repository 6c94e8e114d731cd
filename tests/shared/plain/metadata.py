"""A service with one table, for the tests of the kernel."""

from sqlalchemy import Column, Integer, Table, Text

from shared import kernel
from shared.db import new_metadata

metadata = new_metadata()
kernel.define(metadata)
things = Table("things", metadata, Column("code", Text, primary_key=True), Column("version", Integer, nullable=False))
