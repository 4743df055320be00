#!/bin/sh
# Make the secrets that compose.yaml mounts, once. The folder is closed to other users of the machine; the files
# inside are readable because the users inside the containers are not the one who made them.
set -eu

folder=$(dirname "$0")/secrets
mkdir -p "$folder"
chmod 700 "$folder"
for name in ami ari database; do
    if [ ! -s "$folder/$name" ]; then
        od -An -N24 -tx1 /dev/urandom | tr -d ' \n' > "$folder/$name"
        chmod 644 "$folder/$name"
    fi
done
