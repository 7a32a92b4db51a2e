"""The pages, as pieces of HTML to be sent one after the other: no piece is large, no script is needed.

Everything that comes from outside (names of networks, what was typed, settings) goes through escape().
"""

from aircue_node.provisioning import form
from aircue_node.provisioning.presets import ANALOG, I2C, LINE, UART

MYPY = False
if MYPY:
    from collections.abc import Iterator

    from aircue_node.provisioning.setup import Setup

_MOST_NETWORKS = 20
_STYLE = (
    "<style>:root{color-scheme:light dark;--line:#8886;--go:#0a6;--bad:#c22}"
    "body{font:16px/1.45 system-ui,sans-serif;max-width:34em;margin:0 auto;padding:1em}"
    "h1{font-size:1.4em;margin:.2em 0}fieldset{border:1px solid var(--line);border-radius:.6em;margin:1em 0;"
    "padding:.4em 1em 1em}legend{font-weight:600;padding:0 .3em}label{display:block;margin:.7em 0 0}"
    "input,select{font:inherit;padding:.5em;border:1px solid var(--line);border-radius:.4em;box-sizing:border-box}"
    "input:not([type=radio]):not([type=checkbox]),select{display:block;width:100%;margin-top:.2em}"
    "input[type=radio],input[type=checkbox]{width:1.2em;height:1.2em;margin:0 .5em 0 0;vertical-align:-.2em}"
    ".row{display:grid;grid-template-columns:1fr 1fr;gap:0 1em}.pick{padding:.3em 0;overflow-wrap:anywhere}"
    "small{opacity:.75}.bad{color:var(--bad);font-weight:600;margin:.2em 0}"
    "button{font:inherit;padding:.7em 1.2em;border:1px solid var(--line);border-radius:.5em}"
    ".go{background:var(--go);color:#fff;border:0;width:100%;font-weight:600;margin:.5em 0}"
    "pre{border:1px solid var(--line);border-radius:.5em;padding:.8em;white-space:pre-wrap;overflow-wrap:anywhere}"
    # Old browsers show the pins of sensors that are not ticked, too.
    "@supports selector(:has(*)){.pick:not(:has(:checked))+.more{display:none}}.more{padding-left:1.7em}</style>"
)
_SHOWN = {
    "co2": "CO2",
    "pm1": "PM1",
    "pm25": "PM2.5",
    "pm10": "PM10",
    "voc_index": "VOC index",
    "gas_ratio": "gas, a trend",
}


def escape(text: str) -> str:
    """For text and for attributes in double quotes."""
    for character, name in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ('"', "&quot;"), ("'", "&#39;")):
        text = text.replace(character, name)
    return text


def _top(title: str, more: str = "") -> "Iterator[str]":
    yield '<!doctype html><html lang="en"><head><meta charset="utf-8">'
    yield '<meta name="viewport" content="width=device-width,initial-scale=1">'
    yield more + "<title>" + escape(title) + "</title>"
    yield _STYLE
    yield "</head><body><h1>" + escape(title) + "</h1>"


def edit(setup: "Setup") -> "Iterator[str]":
    """The form, with what was typed and what is wrong with it."""
    yield from _top("Set up " + setup.name)
    if setup.reason:
        yield f'<p class="bad">{escape(setup.reason)}</p>'
    if setup.problem:
        yield f'<p class="bad" role="alert">{escape(setup.problem)}</p>'
    if setup.errors:
        yield '<p class="bad" role="alert">Not saved yet: see the marked fields.</p>'
    yield '<form method="post" action="/save" autocomplete="off">'
    yield from _wifi(setup)
    yield from _gateway(setup)
    yield from _node(setup)
    yield from _sensors(setup)
    yield from _extras(setup)
    yield '<button class="go" name="act" value="save">Save and restart</button>'
    yield '<button name="act" value="look">Look for networks and sensors again</button></form></body></html>'


def _error(setup: "Setup", name: str) -> str:
    text = setup.errors.get(name)
    return "" if text is None else f'<p class="bad" id="wrong_{name}">{escape(text)}</p>'


def _input(setup: "Setup", name: str, label: str, kind: str = "text", more: str = "") -> str:
    """One labelled field. Passwords are never sent back."""
    value = "" if kind == "password" else escape(setup.fields.get(name, ""))
    return f'<label>{label}<input type="{kind}" name="{name}" value="{value}" {more}></label>{_error(setup, name)}'


def _number(setup: "Setup", name: str, label: str) -> str:
    return _input(setup, name, label, "text", 'inputmode="numeric"')


def _wifi(setup: "Setup") -> "Iterator[str]":
    chosen = setup.fields.get("ssid", "") or setup.fields.get("network", "")
    networks = setup.networks[:_MOST_NETWORKS]
    typed = chosen not in [row[0] for row in networks]
    yield "<fieldset><legend>Wi-Fi</legend>"
    for name, rssi, secured in networks:
        ticked = " checked" if name == chosen else ""
        yield (
            f'<label class="pick"><input type="radio" name="network" value="{escape(name)}"{ticked}>{escape(name)} '
            f"<small>{rssi} dBm{'' if secured else ', open'}</small></label>"
        )
    if not setup.networks:
        yield "<p>No network was found.</p>"
    value = escape(chosen) if typed else ""
    yield f'<label>Another one, or a hidden one<input name="ssid" value="{value}" autocapitalize="none"></label>'
    yield _error(setup, "ssid")
    known = "empty: the known one is kept" if setup.base.get("wifi_key") else ""
    yield _input(setup, "wifi_key", "Wi-Fi password", "password", f'placeholder="{known}" autocomplete="new-password"')
    ticked = " checked" if setup.fields.get("untried") else ""
    yield f'<label><input type="checkbox" name="untried"{ticked}>Save without trying to join</label></fieldset>'


def _gateway(setup: "Setup") -> "Iterator[str]":
    yield '<fieldset><legend>Gateway</legend><div class="row"><div>'
    yield _input(setup, "gateway", "Address", more='placeholder="192.168.1.10" autocapitalize="none"')
    yield "</div><div>"
    yield _number(setup, "port", "Port")
    yield "</div></div></fieldset>"


def _node(setup: "Setup") -> "Iterator[str]":
    yield '<fieldset><legend>This node</legend><div class="row"><div>'
    yield _input(setup, "site", "Site", more='placeholder="home-1" autocapitalize="none"')
    yield "</div><div>"
    yield _input(setup, "node", "Name", more='placeholder="bathroom" autocapitalize="none"')
    yield "</div></div>"
    known = setup.base.get("key") and not setup.fields.get("key")
    hint = 'placeholder="empty: the known one is kept"' if known else ""
    yield _input(setup, "key", "Key (the gateway needs the same one)", more=hint + ' autocapitalize="none"')
    yield _number(setup, "interval_s", "Seconds between samples")
    yield "</fieldset>"


def _sensors(setup: "Setup") -> "Iterator[str]":
    yield "<fieldset><legend>Sensors</legend>"
    yield _error(setup, "sensors")
    for driver, wiring, quantities in form.offered():
        yield _sensor(setup, driver, wiring, quantities)
    pins = [name for name in setup.errors if name[:3] in ("sda", "scl", "tx_", "rx_")]
    yield f'<details{" open" if pins else ""}><summary>Pins of I2C and UART</summary><div class="row"><div>'
    yield _number(setup, "sda", "I2C SDA pin") + "</div><div>" + _number(setup, "scl", "I2C SCL pin") + "</div>"
    for ident, _, _ in setup.preset.uarts:
        yield "<div>" + _number(setup, f"tx_{ident}", f"UART {ident} TX pin") + "</div>"
        yield "<div>" + _number(setup, f"rx_{ident}", f"UART {ident} RX pin") + "</div>"
    yield "</div></details></fieldset>"


def _sensor(setup: "Setup", driver: str, wiring: str, quantities: tuple[str, ...]) -> str:
    ticked = " checked" if setup.fields.get("use_" + driver) else ""
    seen = f", answers at 0x{setup.found[driver]:02x}" if driver in setup.found else ""
    text = (
        f'<label class="pick"><input type="checkbox" name="use_{driver}"{ticked}>{driver.upper()} '
        f"<small>{', '.join([_SHOWN.get(one, one) for one in quantities])} ({_WIRES[wiring]}{seen})</small></label>"
    )
    if wiring != I2C:
        place = _uart_choice(setup, driver) if wiring == UART else _number(setup, "pin_" + driver, "Pin")
        text += '<div class="more">' + place + "</div>"
    return text + _error(setup, "use_" + driver)


def _uart_choice(setup: "Setup", driver: str) -> str:
    name = "uart_" + driver
    options = "".join(
        [
            f"<option{' selected' if setup.fields.get(name) == str(ident) else ''}>{ident}</option>"
            for ident, _, _ in setup.preset.uarts
        ]
    )
    return f'<label>UART<select name="{name}">{options}</select></label>{_error(setup, name)}'


_WIRES = {I2C: "I2C", UART: "UART, 5 V", LINE: "one wire", ANALOG: "analog"}


def _extras(setup: "Setup") -> "Iterator[str]":
    opened = " open" if "button_pin" in setup.errors or "led_pin" in setup.errors else ""
    yield f"<details{opened}><summary>Button and LED</summary>"
    yield _number(setup, "button_pin", "Button pin: held low for 5 s it wipes these settings; empty: none")
    yield _input(setup, "led_pin", "LED pin: blinks when the node is to show itself; empty: none")
    yield "</details>"


def joining(setup: "Setup") -> "Iterator[str]":
    """Asks for itself again until there is an outcome."""
    yield from _top("Joining the Wi-Fi", '<meta http-equiv="refresh" content="2;url=/result">')
    yield f"<p>{setup.name} tries to join <b>{escape(setup.ssid)}</b>. This takes up to 20 seconds.</p>"
    yield "<p>If your phone loses this page, join the node's own network again. If that is gone, the settings are "
    yield 'saved and the node has restarted.</p><p><a href="/result">Is it done?</a></p></body></html>'


def saved(setup: "Setup") -> "Iterator[str]":
    """The last page: what the gateway's file needs."""
    given = setup.pending
    yield from _top("Saved: the node restarts")
    yield "<p>It is done. The gateway's file needs these lines, if it does not have them yet:</p><pre>[[nodes]]\n"
    for name, key in (("id", "node"), ("site", "site"), ("key", "key")):
        yield escape(f"{name} = {_quoted(given[key])}\n")
    yield "</pre><p>You can close this page.</p></body></html>"


def _quoted(text: str) -> str:
    """A basic string of TOML."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def refused(status: int, text: str) -> "Iterator[str]":
    yield from _top(f"{status}")
    yield f'<p>{escape(text)}</p><p><a href="/">To the form</a></p></body></html>'
