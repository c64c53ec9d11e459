#!/bin/sh
# First boot of host db1, cluster broxiva, stack prod. Written by postgres-fleet from templates/aws/user-data.sh.mustache.
# Runs once for each machine; running it again changes nothing. What it says: /var/log/cloud-init-output.log
set -eu
say() { echo "pgfleet: $*"; }

# ssh comes through the agent of Systems Manager, which this image lacks.
agent() {
  ! systemctl cat amazon-ssm-agent.service >/dev/null 2>&1 || return 0
  url=https://s3.eu-central-1.amazonaws.com/amazon-ssm-eu-central-1/latest/debian_$(dpkg --print-architecture)/amazon-ssm-agent.deb
  folder=$(mktemp -d)
  for try in 1 2 3 4 5 6; do
    if { command -v curl >/dev/null && curl -fsS -m 60 -o "$folder/agent.deb" "$url"; } ||
      { command -v wget >/dev/null && wget -q -T 60 -O "$folder/agent.deb" "$url"; }; then
      dpkg -i "$folder/agent.deb" && systemctl enable --now amazon-ssm-agent && rm -r "$folder" && return 0
    fi
    say "the agent did not come from $url, try $try of 6"
    sleep 10
  done
  say "NO AGENT: nobody gets in. The subnet needs a way to S3 and Systems Manager (NAT or endpoints), or aws.image an image with the agent."
  rm -r "$folder"
}
# The volume does not wait for it.
agent &

# The data volume, by its id. It is attached after the first boot has begun, and stays when the machine is replaced.
device=/dev/disk/by-id/nvme-Amazon_Elastic_Block_Store_voldb1
place=/var/lib/pgfleet
waited=0
while [ ! -b "$device" ]; do
  # Before the Nitro system the name given at attachment is all there is.
  [ -b /dev/xvdf ] && device=/dev/xvdf && break
  [ "$waited" -lt 600 ] || { say "$device did not come in 600 s; nothing was mounted" && exit 1; }
  sleep 1
  waited=$((waited + 1))
done
# Only a device without any sign of a file system or a partition is formatted.
kind=$(blkid -p -s TYPE -s PTTYPE -o value "$device") && found=0 || found=$?
case $found:$kind in
  2:*) say "$device is empty: making ext4 on it" && mkfs.ext4 -q -m 1 -L pgfleet "$device" ;;
  0:ext4) say "$device has its file system" ;;
  *) say "$device holds ${kind:-something that cannot be read} (blkid: $found), not ext4: it is left as it is" && exit 1 ;;
esac
mkdir -p "$place"
# A boot does not stop for it; the fleet's units wait for the mount and do not start without it.
grep -q "^[^#]*[[:space:]]$place[[:space:]]" /etc/fstab ||
  echo "$device $place ext4 noatime,nofail,x-systemd.device-timeout=10min 0 2" >>/etc/fstab
systemctl daemon-reload
mountpoint -q "$place" || mount "$place"
say "$device is at $place"
wait
