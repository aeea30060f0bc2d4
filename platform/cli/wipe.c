/*
 * wipe.c - the command `rove wipe`, and what is left to do for a replica that was wiped: its drop box is sent.
 */
#include <stdio.h>

#include "cli.h"
#include "rove/drop.h"

void cli_send(cli_session *cli) {
    rove_error error = {0};

    if (rove_drop_send(&cli->ports, cli->folder, NULL, NULL, NULL, &error) != ROVE_OK) {
        fprintf(stderr, "What had not been sent waits, sealed: `rove drop --send`. %s\n",
                error.message);
    }
}

static int run_wipe(cli_session *cli, int argc, char **argv) {
    rove_error error = {0};
    int sure = cli_flag(&argc, argv, "--yes");

    if (argc != 1 || !sure) {
        return cli_usage(cli, &cli_command_wipe,
                         "Wiping cannot be taken back. Say --yes if it is meant.");
    }
    rove_status status = rove_wipe(cli->replica, &error);
    if (status != ROVE_OK) {
        return cli_fail(cli, status, &error);
    }
    cli_close(cli);
    if (!cli->json) {
        puts("The replica is wiped.");
    }
    cli_send(cli);
    return cli_done(cli, json_pack("{s:b}", "wiped", 1));
}

const cli_command cli_command_wipe = {
    "wipe", "--yes", "take everything off this device",
    "Seals what was not sent yet so that headquarters alone can read it, with a receipt; then\n"
    "overwrites and removes the replica's key, its records and this device's identity. It cannot\n"
    "be taken back: to work on this device again, enrol it with a new code. What is sealed is "
    "sent\n"
    "at once if headquarters can be reached, else by `rove drop --send`. Headquarters can order\n"
    "the same (`rove-hq wipe`).\n\n"
    "    rove wipe --yes",
    run_wipe};
