"""Runs in MicroPython: the node's end of the contract against the golden files. Arguments: firmware folder, golden
folder. Prints one line a check that failed, and how many passed."""

import json
import sys

firmware, folder = sys.argv[1], sys.argv[2]
sys.path.insert(0, firmware)

from aircue_node import command_codec, contract  # noqa: E402 -- the path comes first
from aircue_node.sensors import bme280, dht, mhz19, pms5003, scd4x, sensirion, serial, sht3x, sht4x  # noqa: E402

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
fields = command_codec.decode_command(document["payload"].encode(), document["key"].encode())
check("command", fields, {"id": "7f3a", "command": "interval", "args": {"ms": 60000}, "i": 2779096485, "n": 12})
for row in golden("reply")["replies"]:
    check("reply", json.loads(contract.encode_reply(**row["fields"])), json.loads(row["payload"]))
check("crc", sensirion.crc8(b"\xbe\xef"), 0x92)
check("scd4x", scd4x.decode(bytes.fromhex("01F4336667A25EB93C")), [500, 2500, 3700])
check("dht22", dht.decode_dht22(bytes.fromhex("028C015FEE")), [3510, 6520])
check("dht22 negative", dht.decode_dht22(bytes([1, 0x90, 0x80, 0x65, 0x76])), [-1010, 4000])
half = b"\x80\x00" + bytes([sensirion.crc8(b"\x80\x00")])
check("sht4x", sht4x.decode(half + half), [4250, 5650])
check("sht3x", sht3x.decode(half + half), [4250, 5000])
check("dht11", dht.decode_dht11(bytes([53, 0, 10, 0x81, 0xC0])), [-1010, 5300])
low = bytes.fromhex("706b436718fc7d8e43d6d00b270b8c00f9ff8c3cf8c67017004b")
calibration = bme280.Calibration(low, bytes.fromhex("6a01001329031e"))
burst = bytes.fromhex("655ac07eed007530")
check("bmp280", bme280.decode(bme280.Calibration(low), burst[:6]), [2508, 10065])
check("bme280", bme280.decode(calibration, burst), [2508, 5500, 10065])
found = serial.find(b"\xff\x86\x00" + bytes.fromhex("ff86026047000000d1"), mhz19.HEAD, mhz19.SIZE, mhz19.is_sound)
check("mhz19", mhz19.decode(found or b""), [608])
frame = bytes.fromhex("424d001c000100020003000400250006") + bytes(14)
check("pms5003", pms5003.decode(frame + bytes([0, sum(frame)])), [40, 370, 60])
print("passed", passed)
