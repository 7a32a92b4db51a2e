"""What people want of pushes, and the switch that stops all of them."""

from sqlalchemy import JSON, Boolean, Column, Table, Text

from aircue_cloud.tables.columns import Moment, metadata

# What is null, or not named in an object, is the household's, and of a household the store's.
preferences = Table(
    "preferences",
    metadata,
    Column("kind", Text, primary_key=True),  # person, household
    Column("subject", Text, primary_key=True),  # its id
    Column("timezone", Text),
    Column("quiet_hours", Text),  # 22:00-08:00; "": none
    Column("language", Text),
    Column("caps", JSON, nullable=False, default=dict),  # day, week, apart_h; null in it: unlimited, 0: none
    Column("topics", JSON, nullable=False, default=dict),  # need or * -> channel or * -> whether
    Column("stopped", JSON, nullable=False, default=list),  # needs
    Column("snoozed", JSON, nullable=False, default=dict),  # need or * -> until when, ISO 8601
    Column("changed_at", Moment, nullable=False),
)

switches = Table(
    "switches",
    metadata,
    Column("name", Text, primary_key=True),  # pushes
    Column("on", Boolean, nullable=False),
    Column("reason", Text, nullable=False),
    Column("changed_at", Moment, nullable=False),
)
