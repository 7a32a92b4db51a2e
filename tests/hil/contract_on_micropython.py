"""Runs in MicroPython: the node's end of the contract against the golden files. Arguments: firmware folder, golden
folder. Prints one line a check that failed, and how many passed."""

import json
import sys

firmware, folder = sys.argv[1], sys.argv[2]
sys.path.insert(0, firmware)

from aircue_node import contract  # noqa: E402 -- the path comes first
from aircue_node.sensors import dht, scd4x, sensirion, sht4x  # noqa: E402

passed = 0


def check(what: str, found: object, expected: object) -> None:
    global passed
    if found == expected:
        passed += 1
    else:
        print("FAILED", what, found, "instead of", expected)


def golden(name: str) -> dict:
    with open(folder + "/" + name + ".json") as file:  # noqa: PTH123 -- MicroPython has no pathlib
        return json.load(file)


for leaf in ("birth", "samples", "backlog", "status", "ack", "command", "reply"):
    check(leaf + " topic", contract.topic("home-1", "bathroom", leaf), golden(leaf)["topic"])
document = golden("birth")
check("birth", json.loads(contract.encode_birth(**document["fields"])), json.loads(document["payload"]))
document = golden("samples")
check("samples", contract.encode_sample(**document["fields"]).decode(), document["payload"])
document = golden("backlog")
check("backlog", contract.encode_backlog(**document["fields"]).decode(), document["payload"])
document = golden("status")
check("status", json.loads(contract.encode_status(**document["fields"])), json.loads(document["payload"]))
check("will", json.loads(contract.encode_will(2779096485, 17)), json.loads(document["will"]))
document = golden("ack")
ranges = [tuple(row) for row in document["fields"]["ranges"]]
check("ack", contract.decode_ack(document["payload"].encode()), (2779096485, 17, ranges))
document = golden("command")
fields = contract.decode_command(document["payload"].encode(), document["key"].encode())
check("command", fields, {"id": "7f3a", "command": "interval", "args": {"ms": 60000}, "i": 2779096485, "n": 12})
for row in golden("reply")["replies"]:
    check("reply", json.loads(contract.encode_reply(**row["fields"])), json.loads(row["payload"]))
check("crc", sensirion.crc8(b"\xbe\xef"), 0x92)
check("scd4x", scd4x.decode(bytes.fromhex("01F4336667A25EB93C")), [500, 2500, 3700])
check("dht22", dht.decode_dht22(bytes.fromhex("028C015FEE")), [3510, 6520])
check("dht22 negative", dht.decode_dht22(bytes([1, 0x90, 0x80, 0x65, 0x76])), [-1010, 4000])
half = b"\x80\x00" + bytes([sensirion.crc8(b"\x80\x00")])
check("sht4x", sht4x.decode(half + half), [4250, 5650])
print("passed", passed)
