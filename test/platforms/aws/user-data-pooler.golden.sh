#!/bin/sh
# First boot of host pool1, cluster broxiva, stack prod. Written by postgres-fleet from templates/aws/user-data.sh.mustache.
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
wait
