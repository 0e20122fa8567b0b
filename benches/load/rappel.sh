# rappel as a target of the load tool: trunk 127.0.0.2, phones 1001 to 1100 on 127.0.0.3, records on disk.
# RAPPEL names the binary; without it the release build of this checkout is taken.
HERE_RAPPEL=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
RAPPEL=${RAPPEL:-$HERE_RAPPEL/target/release/rappel}
DID=0123456789; USERS=100; PASS=benchpass
target_start() {
    STATE=$(mktemp -d "$WORK/state.XXXXXX")
    {
        cat <<TOML
[agency]
name = "Mesure"
[hours]
monday = ["00:00-23:59"]
tuesday = ["00:00-23:59"]
wednesday = ["00:00-23:59"]
thursday = ["00:00-23:59"]
friday = ["00:00-23:59"]
saturday = ["00:00-23:59"]
sunday = ["00:00-23:59"]
holidays = "none"
[sip]
listen = ["udp:127.0.0.1:5060"]
phones = ["127.0.0.3/32"]
[[trunk]]
name = "mesure"
address = "127.0.0.2:5080"
register = false
numbers = ["$DID"]
channels = 20000
[line]
ring = ["1001"]
[attendant]
enabled = false
[media]
ports = "10000-49999"
[limits]
calls_per_second = 100000
requests_per_second = 1000000
pending = 20000
transactions = 200000
[web]
listen = ["127.0.0.1:8099"]
[log]
level = "warn"
TOML
        for user in $(seq 1001 1100); do
            printf '[[phone]]\nextension = "%s"\nname = "%s"\nowner = "MEL"\npassword = "%s"\ncalls = 20000\n' $user $user $PASS
        done
    } > "$STATE/agence.toml"
    chmod 600 "$STATE/agence.toml"
    STATE_DIRECTORY=$STATE "$RAPPEL" serve --config "$STATE/agence.toml" >"$WORK/rappel.log" 2>&1 &
    PIDS=$!
}
target_stop() { kill $PIDS 2>/dev/null; kill $PIDS 2>/dev/null; wait $PIDS 2>/dev/null; rm -rf "$STATE"; }
