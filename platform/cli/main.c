/*
 * main.c - the program `rove`: a rep's replica from the command line.
 *
 *     rove [--replica DIR] [--secret FILE | --plain] [--json] [--wait SECONDS] COMMAND ...
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "base/planted.h"
#include "cli.h"
#include "posix/posix.h"

static const cli_command *const commands[] = {
    &cli_command_enroll,     &cli_command_sync,        &cli_command_status,
    &cli_command_account,    &cli_command_contact,     &cli_command_visit,
    &cli_command_call,       &cli_command_task,        &cli_command_note,
    &cli_command_tag,        &cli_command_show,        &cli_command_set,
    &cli_command_delete,     &cli_command_undo,        &cli_command_pending,
    &cli_command_conflicts,  &cli_command_rejections,  &cli_command_review,
    &cli_command_quarantine, &cli_command_sql,         &cli_command_verify,
    &cli_command_tidy,       &cli_command_doctor,      &cli_command_key,
    &cli_command_export,     &cli_command_open_export, &cli_command_drop,
    &cli_command_wipe,
};
#define WAIT_MAX_S          1000000
#define CLOCK_OFFSET_MAX_MS INT64_C(4000000000000)
#define COMMANDS            (sizeof commands / sizeof commands[0])

static const char head[] =
    "rove - a rep's accounts, visits and calls, with or without a network\n"
    "\n"
    "    rove [--replica DIR] [--secret FILE | --plain] [--pin-file FILE] [--json]\n"
    "         [--wait SECONDS] COMMAND [ARGUMENTS]\n"
    "\n";
static const char tail[] =
    "\n"
    "    rove help COMMAND       what it does, with examples\n"
    "\n"
    "--replica DIR   the folder of the replica; else $ROVE_REPLICA, else ./rove-replica\n"
    "--secret FILE   what opens it, else $ROVE_SECRET, else ~/.local/share/rove/secret; made if\n"
    "                missing. Without it the replica cannot be read: see `rove help key`\n"
    "--pin-file FILE the PIN, in the first line, if the replica has one; else it is asked for\n"
    "--plain         a replica that is not encrypted\n"
    "--json          one JSON document on stdout, also for errors\n"
    "--wait SECONDS  wait so long if another process has the replica open\n"
    "\n"
    "A first hour: ask headquarters for a code (rove-hq enroll-code --user YOU), then\n"
    "    rove enroll https://hq.example.com:8443 CODE && rove sync && rove account list\n"
    "Everything but enroll and sync works with no network at all.\n"
    "\n"
    "Exit codes: 0 done, 1 internal failure, 2 wrong usage, 3 no such record, 4 refused by the\n"
    "rules, 5 disk or replica in use, 6 no network, 7 the peer is wrong, 8 no access, 9 "
    "unfinished.\n";

int cli_exit_of(rove_status status) {
    if (status == ROVE_OK || status == ROVE_DONE) {
        return CLI_DONE;
    }
    if (status == ROVE_NOT_FOUND) {
        return CLI_NOT_FOUND;
    }
    if (status == ROVE_LIMIT || status == ROVE_CANCELLED) {
        return CLI_UNFINISHED;
    }
    if (status == ROVE_WIPED) {
        return CLI_ACCESS;
    }
    switch (rove_status_classify(status)) {
    case ROVE_CLASS_CALLER:
        return CLI_REFUSED;
    case ROVE_CLASS_DEVICE:
        return CLI_DEVICE;
    case ROVE_CLASS_RETRY:
        return CLI_NETWORK;
    case ROVE_CLASS_PEER:
        return CLI_PEER;
    case ROVE_CLASS_ACCESS:
        return CLI_ACCESS;
    case ROVE_CLASS_FINE:
        break;
    }
    return CLI_FAILED;
}

static json_t *error_json(const char *status, const char *message) {
    return json_pack("{s:{s:s, s:s}}", "error", "status", status, "message", message);
}

static const char *message_of(rove_status status, const rove_error *error) {
    return error != NULL && error->message[0] != '\0' ? error->message : rove_status_text(status);
}

json_t *cli_error_json(rove_status status, const rove_error *error) {
    return error_json(rove_status_name(status), message_of(status, error));
}

int cli_fail(const cli_session *cli, rove_status status, const rove_error *error) {
    if (cli->json) {
        cli_json(cli_error_json(status, error));
    } else {
        fprintf(stderr, "rove: %s (%s)\n", message_of(status, error), rove_status_name(status));
    }
    return cli_exit_of(status);
}

int cli_usage(const cli_session *cli, const cli_command *command, const char *sentence) {
    if (cli->json) {
        cli_json(error_json("USAGE", sentence != NULL ? sentence : command->usage));
        return CLI_USAGE;
    }
    if (sentence != NULL) {
        fprintf(stderr, "rove %s: %s\n", command->name, sentence);
    }
    fprintf(stderr, "usage: rove %s %s\n`rove help %s` shows examples.\n", command->name,
            command->usage, command->name);
    return CLI_USAGE;
}

int cli_done(const cli_session *cli, json_t *object) {
    if (cli->json) {
        cli_json(object);
    } else {
        json_decref(object);
    }
    return CLI_DONE;
}

static const cli_command *command_named(const char *name) {
    for (size_t i = 0; i < COMMANDS; i++) {
        if (strcmp(commands[i]->name, name) == 0) {
            return commands[i];
        }
    }
    return NULL;
}

static int help(const cli_session *cli, const char *topic) {
    const cli_command *command = topic != NULL ? command_named(topic) : NULL;

    if (command != NULL) {
        printf("rove %s %s\n\n%s\n", command->name, command->usage, command->help);
        return CLI_DONE;
    }
    if (topic != NULL && cli->json) {
        cli_json(error_json("USAGE", "There is no such command; `rove help` lists them."));
        return CLI_USAGE;
    }
    if (topic != NULL) {
        fprintf(stderr, "rove: there is no command `%s`; `rove help` lists them.\n", topic);
        return CLI_USAGE;
    }
    fputs(head, stdout);
    for (size_t i = 0; i < COMMANDS; i++) {
        printf("    %-12s %s\n", commands[i]->name, commands[i]->summary);
    }
    fputs(tail, stdout);
    return CLI_DONE;
}

rove_status cli_open(cli_session *cli, rove_error *error) {
    const struct timespec pause = {0, 50 * 1000 * 1000};
    int64_t waited_ms = 0;

    for (;;) {
        rove_status status = rove_open(&cli->ports, cli->folder, &cli->replica, error);
        if (status != ROVE_BUSY || waited_ms >= cli->wait_ms) {
            return status;
        }
        nanosleep(&pause, NULL);
        waited_ms += 50;
    }
}

void cli_close(cli_session *cli) {
    rove_close(cli->replica);
    cli->replica = NULL;
}

static int run(cli_session *cli, const cli_command *command, int argc, char **argv) {
    rove_error error = {0};
    int code = CLI_FAILED;

    rove_posix_clock_skew(cli->clock_offset_ms);
    rove_status status = rove_posix_ports_new(&cli->ports);
    cli->ports.app = "rove-cli " ROVE_VERSION_TEXT;
    cli_key_ports(cli);
    if (status == ROVE_OK && command != &cli_command_doctor && command != &cli_command_drop) {
        status = cli_open(cli, &error);
    }
    code = status == ROVE_OK ? command->run(cli, argc, argv) : cli_fail(cli, status, &error);
    cli_close(cli);
    rove_posix_ports_free(&cli->ports);
    return code;
}

/* Takes the options before the command, and --json wherever it stands. What is wrong with them; NULL: nothing. */
static const char *globals(cli_session *cli, int *argc, char **argv) {
    const char *replica = cli_option(argc, argv, "--replica");
    const char *wait = cli_option(argc, argv, "--wait");
    const char *offset = cli_option(argc, argv, "--clock-offset-ms");
    const char *home = getenv("ROVE_REPLICA");
    int64_t seconds = 0;

    cli->json = cli_flag(argc, argv, "--json");
    cli->folder = replica != NULL ? replica : home != NULL ? home : "rove-replica";
    if (wait != NULL && cli_amount(wait, 0, WAIT_MAX_S, &seconds) != ROVE_OK) {
        return "--wait takes a number of seconds, up to a million.";
    }
    cli->wait_ms = seconds * 1000;
    if (offset != NULL && cli_amount(offset, -CLOCK_OFFSET_MAX_MS, CLOCK_OFFSET_MAX_MS,
                                     &cli->clock_offset_ms) != ROVE_OK) {
        return "--clock-offset-ms takes milliseconds, up to 4,000,000,000,000 either way.";
    }
    return cli_key_prepare(cli, argc, argv);
}

/* What is not UTF-8 could be neither kept nor printed. */
static int are_utf8(int argc, char **argv) {
    for (int i = 1; i < argc; i++) {
        json_t *text = json_string(argv[i]);
        if (text == NULL) {
            return 0;
        }
        json_decref(text);
    }
    return 1;
}

int main(int argc, char **argv) {
    cli_session cli = {0};

#ifdef ROVE_PLANTS
    if (!rove__plant_named(getenv("ROVE_PLANT"))) {
        fputs("rove: ROVE_PLANT names no planted bug\n", stderr);
        return CLI_USAGE;
    }
#endif
    (void)umask(S_IRWXG | S_IRWXO);
    const char *sentence = globals(&cli, &argc, argv);
    if (sentence != NULL) {
        if (cli.json) {
            cli_json(error_json("USAGE", sentence));
        } else {
            fprintf(stderr, "rove: %s\n", sentence);
        }
        return CLI_USAGE;
    }
    if (!are_utf8(argc, argv)) {
        return cli_fail(&cli, ROVE_UTF8, NULL);
    }
    if (argc < 2 || strcmp(argv[1], "help") == 0 || strcmp(argv[1], "--help") == 0) {
        return help(&cli, argc > 2 ? argv[2] : NULL);
    }
    if (strcmp(argv[1], "--version") == 0) {
        puts("rove " ROVE_VERSION_TEXT);
        return CLI_DONE;
    }
    const cli_command *command = command_named(argv[1]);
    if (command == NULL) {
        return help(&cli, argv[1]);
    }
    if (cli_flag(&argc, argv, "--help")) {
        return help(&cli, command->name);
    }
    return run(&cli, command, argc - 1, argv + 1);
}
