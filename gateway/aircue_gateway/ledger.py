"""What the gateway counts, for ever, in its spool: each name once."""

from enum import StrEnum


class Count(StrEnum):
    """Samples are counted in samples, readings in readings (one quantity of one sample)."""

    SAMPLES_RECEIVED = "samples_received"  # valid ones, redelivered ones included
    SAMPLES_STORED = "samples_stored"  # new ones
    SAMPLES_REDELIVERED = "samples_redelivered"  # marked as a repetition by the sender, or already here
    SAMPLES_SET_ASIDE = "samples_set_aside"  # malformed ones whose sequence could be read; declared as lost
    READINGS_FLAGGED = "readings_flagged"
    READINGS_SUPPRESSED = "readings_suppressed"
    BOOTS_FORGOTTEN = "boots_forgotten"  # of nodes that have had many since
    LOSSES_FORGOTTEN = "losses_forgotten"  # declared by nodes that declared many since; the cloud has them
    AWAITING_BIRTH = "awaiting_birth"  # messages with samples that came before their node's birth
    CLOCK_DISBELIEVED = "clock_disbelieved"  # samples whose node claims a time before 2020 or after 2100
    SENSOR_FAULTS = (
        "sensor_faults"  # reads that failed on the nodes (wrong CRC, no answer ...), as their statuses count
    )
    DEAD_LETTERS = "dead_letters"
    DEAD_LETTERS_REPLAYED = "dead_letters_replayed"  # taken in after all
    MALFORMED_PACKETS = "malformed_packets"  # each cost its sender the connection
    UNKNOWN_NODES = "unknown_nodes"  # refused connections
    WRONG_KEYS = "wrong_keys"  # refused connections
    REFUSED_CONNECTIONS = "refused_connections"  # for any other reason
    REFUSED_SUBSCRIPTIONS = "refused_subscriptions"
    REFUSED_PUBLICATIONS = "refused_publications"  # of watchers
    CONNECTIONS_TURNED_AWAY = "connections_turned_away"  # past the listener's most, in all or from one address
    LOGINS_TIMED_OUT = "logins_timed_out"
    LOGINS_SLOWED = "logins_slowed"  # had to wait, because others with that name from that address had failed
    READS_PAUSED = "reads_paused"  # of connections that sent faster than they may
    SLOW_READERS = "slow_readers"  # connections cut off because they did not read what was sent to them
    BATCHES_SEALED = "batches_sealed"
    BATCHES_DELIVERED = "batches_delivered"
    BATCHES_REFUSED = "batches_refused"
    BATCHES_UNREADABLE = "batches_unreadable"  # the disk damaged them before they were sent
    RECORDS_UNREADABLE = "records_unreadable"  # of the spool; what only they knew is gone
    SAMPLES_UNREADABLE = "samples_unreadable"  # damaged by the disk; declared as lost, as far as known
    SAMPLES_UNDECLARED = "samples_undeclared"  # those of them of which only the number is known
    SAMPLES_THINNED = "samples_thinned"  # for want of room; declared as lost, as the next ones are
    SAMPLES_DROPPED = "samples_dropped"  # with their whole batch
    SPOOLS_SET_ASIDE = "spools_set_aside"  # found damaged
