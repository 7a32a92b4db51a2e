"""The rule of damp air, as most tests of episodes use it."""

from aircue_gateway.episodes import Rule

DAMP = Rule(
    need="damp-air",
    quantity="humidity",
    direction="above",
    enter=80,
    exit=78,
    dwell_s=900,
    keep_s=600,
    max_gap_s=1800,
)
