#!/bin/sh
# Installs the gateway as a service on Raspberry Pi OS or Debian, 64-bit; run again, it updates what is there.
#
#   sudo gateway/install.sh [--source WHAT] [--root FOLDER]
#
# WHAT: a checkout, a wheel, or a name for pip (default: the checkout this lies in, else aircue).
# FOLDER: puts everything below it and starts nothing, for an image that is being made.
set -eu

root=""
here=$(CDPATH= cd -- "$(dirname -- "$0")" && pwd)
source=aircue
[ ! -f "$here/../pyproject.toml" ] || source=$(dirname -- "$here")

die() {
  echo "install: $1" >&2
  exit 1
}

while [ $# -gt 0 ]; do
  case $1 in
    --source | --root) [ $# -gt 1 ] || die "$1 needs a value" ;;
  esac
  case $1 in
    --source) source=$2 ;;
    --root) root=${2%/} ;;
    *) die "unknown option $1; known are --source and --root" ;;
  esac
  shift 2
done

[ -n "$root" ] || [ "$(id -u)" -eq 0 ] || die "run it as root: sudo $0"
[ "$(getconf LONG_BIT)" = 64 ] || die "a 64-bit system is needed; Raspberry Pi OS has one for every Pi since the 3"
command -v python3 >/dev/null || die "python3 is missing: apt-get install python3 python3-venv"
python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' || die "Python 3.11 or newer is needed (Debian 12 or newer)"
python3 -c 'import ensurepip' 2>/dev/null || die "python3-venv is missing: apt-get install python3-venv"

say() { echo "install: $1"; }

say "Python packages into $root/opt/aircue"
mkdir -p "$root/opt"
[ -x "$root/opt/aircue/bin/python" ] || python3 -m venv "$root/opt/aircue"
case $source in
  *.whl) wanted="aircue[gateway] @ file://$(CDPATH= cd -- "$(dirname -- "$source")" && pwd)/$(basename -- "$source")" ;;
  */*) # What a build leaves behind would get into the next one, so it is made from a copy.
    copy=$(mktemp -d)
    trap 'rm -rf "$copy"' EXIT
    (cd "$source" && cp -R pyproject.toml README.md LICENSE firmware gateway cloud hil "$copy")
    wanted="aircue[gateway] @ file://$copy"
    ;;
  *) wanted="$source[gateway]" ;;
esac
"$root/opt/aircue/bin/python" -m pip install --quiet --upgrade "$wanted"

say "the service"
install -D -m 644 "$here/systemd/aircue-gateway.service" "$root/etc/systemd/system/aircue-gateway.service"
install -D -m 644 "$here/systemd/aircue.sysusers.conf" "$root/usr/lib/sysusers.d/aircue.conf"
install -d -m 755 "$root/usr/local/bin"
ln -sf /opt/aircue/bin/aircue-gateway "$root/usr/local/bin/aircue-gateway"

if [ -n "$root" ]; then
  say "done; on the machine: systemd-sysusers, aircue-gateway init, systemctl enable --now aircue-gateway"
  exit 0
fi

systemd-sysusers
install -d -m 750 -o aircue -g aircue /etc/aircue /var/lib/aircue
systemctl daemon-reload
systemctl enable --quiet aircue-gateway
if [ -f /etc/aircue/gateway.toml ]; then
  systemctl restart aircue-gateway
  say "done; aircue-gateway top shows what comes in"
else
  say "done. Next: sudo -u aircue aircue-gateway init, sudo systemctl start aircue-gateway, sudo aircue-gateway doctor"
fi
