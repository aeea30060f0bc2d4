#!/bin/bash
. "${0%/*}/lib.sh"
time headquarters 9000
peer
must rep jo enroll $peer_url $(invitation jo)
for k in 50 70 90 110 130 150 170; do
manner relay down=${k}000
run rep jo sync
cat $work/out $work/err
echo "$k $(state jo catching_up) $(select_ jo 'select count(*) from account') $(state jo seq)"
hq_stop; hq_start
done
rep jo sync
