"""The simulated Wi-Fi station: joins after a while, fails as a radio does, and notices an outage late."""

from aircue_hil.radio import BEACON_TIMEOUT, CONNECTING, GOT_IP, IDLE, NO_AP_FOUND, WRONG_PASSWORD, Station, Wifi

WIFI = Wifi(ssid="home", key="secret", join_s=1.0, notice_s=3.0, scan_s=2.0)


def asked(ssid: str = "home", key: str = "secret") -> Station:
    station = Station(WIFI)
    station.activate(True)
    station.connect(ssid, key, 10.0)
    return station


def test_joining_takes_its_time() -> None:
    station = asked()
    assert station.poll(10.9) == CONNECTING
    assert station.poll(11.0) == GOT_IP
    assert station.flowing


def test_a_wrong_key_and_an_unknown_network_are_refused() -> None:
    assert asked(key="wrong").poll(12.0) == WRONG_PASSWORD
    assert asked(ssid="other").poll(12.0) == NO_AP_FOUND


def test_a_radio_that_is_off_does_not_connect() -> None:
    station = Station(WIFI)
    station.connect("home", "secret", 10.0)
    assert station.poll(20.0) == IDLE


def test_packets_vanish_at_once_but_the_station_notices_later() -> None:
    station = asked()
    station.poll(11.0)
    station.outage(True, 20.0)
    assert not station.flowing
    assert station.poll(22.9) == GOT_IP
    assert station.poll(23.0) == BEACON_TIMEOUT


def test_a_short_outage_is_never_noticed() -> None:
    station = asked()
    station.poll(11.0)
    station.outage(True, 20.0)
    station.outage(False, 22.0)
    assert station.poll(30.0) == GOT_IP
    assert station.flowing


def test_a_lost_station_stays_lost_until_it_is_told_to_connect() -> None:
    station = asked()
    station.poll(11.0)
    station.outage(True, 20.0)
    station.outage(False, 40.0)
    assert station.poll(50.0) == BEACON_TIMEOUT
    station.connect("home", "secret", 50.0)
    assert station.poll(51.0) == GOT_IP


def test_in_an_outage_no_network_is_found() -> None:
    station = asked()
    station.outage(True, 10.1)
    assert station.poll(12.0) == NO_AP_FOUND
    assert station.visible == ""
