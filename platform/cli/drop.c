/*
 * drop.c - rove drop: what waits in the drop box, sending it, and giving up what was refused. Works without opening the replica: where it is locked, where its
 * key is gone, and where it was wiped.
 */
#include <stdio.h>
#include <string.h>

#include "cli.h"
#include "rove/drop.h"

static json_t *box_json(const rove_drop_state *box) {
    return json_pack("{s:I, s:I, s:I, s:I, s:o}", "waiting", (json_int_t)box->waiting, "kept",
                     (json_int_t)box->kept, "refused", (json_int_t)box->refused, "bytes",
                     (json_int_t)box->bytes, "oldest", cli_time_json(box->oldest_ms));
}

static void print_box(const rove_drop_state *box) {
    char oldest[ROVE_TIME_SIZE];

    if (box->waiting == 0) {
        puts("Nothing waits in the drop box.");
    } else {
        rove_time_format(box->oldest_ms, oldest);
        printf("%llu %s, the oldest since %s, %llu bytes in all.\n",
               (unsigned long long)box->waiting,
               box->waiting == 1 ? "record waits" : "records wait", oldest,
               (unsigned long long)box->bytes);
    }
    if (box->kept > 0) {
        printf("%llu delivered, kept until headquarters' backup has %s.\n",
               (unsigned long long)box->kept, box->kept == 1 ? "it" : "them");
    }
    if (box->refused > 0) {
        printf("%llu %s refused by headquarters for good. They are kept, and not sent again: "
               "`rove drop discard`.\n",
               (unsigned long long)box->refused, box->refused == 1 ? "was" : "were");
    }
}

static void print_report(const rove_drop_report *report) {
    printf("%llu taken, %llu to be sent again later, %llu refused.\n",
           (unsigned long long)(report->taken + report->kept), (unsigned long long)report->later,
           (unsigned long long)report->refused);
}

static rove_status print_refused(void *ctx, const rove_drop_item *item) {
    uint64_t *count = ctx;
    char since[ROVE_TIME_SIZE];

    if (item->standing == ROVE_DROP_IS_REFUSED) {
        rove_time_format(item->at_ms, since);
        printf("%s, put in %s, %llu bytes\n",
               item->kind == ROVE_DROP_BATCH     ? "a part of what was not sent before a wipe"
               : item->kind == ROVE_DROP_NOTE    ? "a visit or a call"
               : item->kind == ROVE_DROP_RECEIPT ? "the receipt of a wipe"
                                                 : "of a kind that this version does not know",
               since, (unsigned long long)item->bytes);
        *count += 1;
    }
    return ROVE_OK;
}

static int run_discard(cli_session *cli, int sure) {
    rove_error error = {0};
    uint64_t count = 0;

    if (!sure) {
        rove_status status =
            rove_drop_list(&cli->ports, cli->folder, print_refused, &count, &error);
        return status != ROVE_OK ? cli_fail(cli, status, &error)
                                 : cli_usage(cli, &cli_command_drop,
                                             "What was refused cannot be got back once it is given "
                                             "up. Say --yes if it is meant.");
    }
    rove_status status = rove_drop_discard(&cli->ports, cli->folder, &count, &error);
    if (status != ROVE_OK) {
        return cli_fail(cli, status, &error);
    }
    if (!cli->json) {
        printf("%llu given up.\n", (unsigned long long)count);
    }
    return cli_done(cli, json_pack("{s:I}", "discarded", (json_int_t)count));
}

static int run_drop(cli_session *cli, int argc, char **argv) {
    int send = cli_flag(&argc, argv, "--send");
    rove_drop_state box = {.size = sizeof box};
    rove_drop_report report = {.size = sizeof report};
    rove_error error = {0};
    rove_status status = ROVE_OK;
    int sure = cli_flag(&argc, argv, "--yes");

    if (argc == 2 && strcmp(argv[1], "discard") == 0 && !send) {
        return run_discard(cli, sure);
    }
    if (argc != 1 || sure) {
        return cli_usage(cli, &cli_command_drop, NULL);
    }
    if (send) {
        status = rove_drop_send(&cli->ports, cli->folder, NULL, NULL, &report, &error);
    }
    if (status == ROVE_OK) {
        status = rove_drop_read(&cli->ports, cli->folder, &box, &error);
    }
    if (status != ROVE_OK) {
        return cli_fail(cli, status, &error);
    }
    if (cli->json) {
        json_t *object = box_json(&box);
        if (send) {
            json_object_set_new(object, "sent",
                                json_pack("{s:I, s:I, s:I, s:I}", "taken", (json_int_t)report.taken,
                                          "kept", (json_int_t)report.kept, "later",
                                          (json_int_t)report.later, "refused",
                                          (json_int_t)report.refused));
        }
        cli_json(object);
        return CLI_DONE;
    }
    if (send) {
        print_report(&report);
    }
    print_box(&box);
    return CLI_DONE;
}

const cli_command cli_command_drop = {
    "drop", "[--send | discard --yes]", "what waits, sealed, for headquarters",
    "A visit or a call that is written while the replica is locked, or past its lease, goes\n"
    "into the drop box: `rove visit plan` and `rove call log` see to that, and take ids then,\n"
    "because no name can be looked up. So does unsent work before a wipe. Only headquarters can\n"
    "read what lies there. It leaves with the next `rove sync`, also with one that cannot unlock\n"
    "the replica; --send sends it where there is no replica any more. Headquarters looks at it\n"
    "before it becomes a record.\n\n"
    "What headquarters has taken stays here, delivered, until it has a backup of it, and is sent\n"
    "again by a sync after 12 hours, by --send at once: should headquarters have to be restored,\n"
    "it comes back. It makes room for what is new. What headquarters refused for good stays, too,\n"
    "until `discard --yes` gives it up; without --yes it is listed.\n\n"
    "    rove drop\n"
    "    rove drop --send\n"
    "    rove drop discard --yes",
    run_drop};
