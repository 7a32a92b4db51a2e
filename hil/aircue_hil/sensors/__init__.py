"""Sensors simulated at bus level. A new one is a new file and a new row here; the property suite then tests it."""

from aircue_hil.sensors.bme280 import Bme280, Bmp280
from aircue_hil.sensors.dht11 import Dht11
from aircue_hil.sensors.dht22 import Dht22
from aircue_hil.sensors.mhz19 import Mhz19
from aircue_hil.sensors.model import AdcSensor, DhtSensor, I2cSensor, UartSensor
from aircue_hil.sensors.mq135 import Mq135
from aircue_hil.sensors.pms5003 import Pms5003
from aircue_hil.sensors.scd4x import Scd4x
from aircue_hil.sensors.sgp40 import Sgp40
from aircue_hil.sensors.sht3x import Sht3x
from aircue_hil.sensors.sht4x import Sht4x

I2C_MODELS: dict[str, type[I2cSensor]] = {
    "bme280": Bme280,
    "bmp280": Bmp280,
    "sht3x": Sht3x,
    "sht4x": Sht4x,
    "scd4x": Scd4x,
    "sgp40": Sgp40,
}
LINE_MODELS: dict[str, type[DhtSensor]] = {"dht11": Dht11, "dht22": Dht22}
UART_MODELS: dict[str, type[UartSensor]] = {"mhz19": Mhz19, "pms5003": Pms5003, "pms7003": Pms5003}
ADC_MODELS: dict[str, type[AdcSensor]] = {"mq135": Mq135}
MODELS: dict[str, type[I2cSensor] | type[DhtSensor] | type[UartSensor] | type[AdcSensor]] = {
    **I2C_MODELS,
    **LINE_MODELS,
    **UART_MODELS,
    **ADC_MODELS,
}
