/*
 * key.c - what opens the replica: the secret in a file, and the rep's PIN; and the command `rove key`.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/text.h"
#include "cli.h"
#include "posix/posix.h"

#define SECRET_BELOW_HOME "/.local/share/rove/secret"

/* ---- a PIN ---- */

/* A line without its end. */
static rove_status read_line(int fd, char *line, size_t capacity, size_t *size) {
    char byte = '\0';
    ssize_t got = 0;

    *size = 0;
    while ((got = read(fd, &byte, 1)) == 1 && byte != '\n') {
        if (*size == capacity) {
            return ROVE_TOO_BIG;
        }
        line[(*size)++] = byte;
    }
    return got < 0 ? ROVE_IO : *size == 0 ? ROVE_CANCELLED : ROVE_OK;
}

static rove_status from_file(const char *path, char *pin, size_t capacity, size_t *size,
                             rove_error *error) {
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    if (fd < 0) {
        return rove__error_set(error, ROVE_NOT_FOUND, "%.200s: %s", path, strerror(errno));
    }
    rove_status status = read_line(fd, pin, capacity, size);
    (void)close(fd);
    return status == ROVE_OK ? status
                             : rove__error_set(error, ROVE_WRONG_KEY,
                                               "%.200s has no PIN in its first line.", path);
}

/* From the terminal, and not shown. */
static rove_status from_terminal(const char *prompt, char *pin, size_t capacity, size_t *size,
                                 rove_error *error) {
    struct termios shown;
    int fd = open("/dev/tty", O_RDWR | O_CLOEXEC);

    if (fd < 0 || tcgetattr(fd, &shown) != 0) {
        if (fd >= 0) {
            (void)close(fd);
        }
        return rove__error_set(error, ROVE_WRONG_KEY,
                               "The replica is opened with a PIN: give it with --pin-file FILE, or "
                               "type it at a terminal.");
    }
    struct termios hidden = shown;
    hidden.c_lflag &= ~(tcflag_t)ECHO;
    (void)tcsetattr(fd, TCSAFLUSH, &hidden);
    (void)!write(fd, prompt, strlen(prompt));
    rove_status status = read_line(fd, pin, capacity, size);
    (void)!write(fd, "\n", 1);
    (void)tcsetattr(fd, TCSAFLUSH, &shown);
    (void)close(fd);
    return status == ROVE_OK ? status : rove__error_set(error, ROVE_CANCELLED, "No PIN was given.");
}

/* ---- the keyring ---- */

static rove_status secret(void *ctx, uint8_t bytes[ROVE_SECRET_SIZE], rove_error *error) {
    const cli_session *cli = ctx;

    return rove_posix_secret_file(cli->secret, bytes, error);
}

static rove_status pin(void *ctx, char *bytes, size_t capacity, size_t *size, rove_error *error) {
    const cli_session *cli = ctx;

    return cli->pin_file != NULL ? from_file(cli->pin_file, bytes, capacity, size, error)
                                 : from_terminal("PIN: ", bytes, capacity, size, error);
}

const char *cli_key_prepare(cli_session *cli, int *argc, char **argv) {
    static char path[4096];
    const char *given = cli_option(argc, argv, "--secret");
    const char *named = getenv("ROVE_SECRET");
    const char *home = getenv("HOME");

    cli->pin_file = cli_option(argc, argv, "--pin-file");
    cli->plain = cli_flag(argc, argv, "--plain");
    cli->secret = given != NULL ? given : named;
    if (cli->secret == NULL && !cli->plain) {
        if (home == NULL || strlen(home) + sizeof SECRET_BELOW_HOME > sizeof path) {
            return "There is no home folder for the secret; name its file with --secret FILE.";
        }
        (void)snprintf(path, sizeof path, "%s%s", home, SECRET_BELOW_HOME);
        cli->secret = path;
    }
    return cli->plain && (given != NULL || cli->pin_file != NULL)
               ? "--plain opens a replica that has no key: without --secret and --pin-file."
               : NULL;
}

void cli_key_ports(cli_session *cli) {
    if (!cli->plain) {
        cli->ports.keyring = (rove_keyring){.secret = secret, .pin = pin, .ctx = cli};
    }
}

/* ---- rove key ---- */

static int show(cli_session *cli) {
    rove_state state = {.size = sizeof state};
    rove_error error = {0};
    rove_status status = rove_read_state(cli->replica, &state, &error);

    if (status != ROVE_OK) {
        return cli_fail(cli, status, &error);
    }
    cli_object(cli, json_pack("{s:b, s:s?}", "encrypted", state.encrypted, "secret",
                              state.encrypted ? cli->secret : NULL));
    return CLI_DONE;
}

static int wrap(cli_session *cli, const uint8_t *bytes, const char *pin_bytes, size_t size,
                const char *done) {
    rove_error error = {0};
    rove_status status = rove_wrap_key(cli->replica, bytes, pin_bytes, size, &error);

    if (status != ROVE_OK) {
        return cli_fail(cli, status, &error);
    }
    if (!cli->json) {
        puts(done);
    }
    return cli_done(cli, json_pack("{s:b}", "changed", 1));
}

/* Typed twice at a terminal. */
static rove_status new_pin(const char *file, char *bytes, size_t capacity, size_t *size,
                           rove_error *error) {
    char again[ROVE_PIN_MAX];
    size_t again_size = 0;

    if (file != NULL) {
        return from_file(file, bytes, capacity, size, error);
    }
    rove_status status = from_terminal("New PIN: ", bytes, capacity, size, error);
    if (status == ROVE_OK) {
        status = from_terminal("Again: ", again, sizeof again, &again_size, error);
    }
    if (status == ROVE_OK && (again_size != *size || memcmp(again, bytes, *size) != 0)) {
        status =
            rove__error_set(error, ROVE_INVALID, "The two are not the same; nothing was changed.");
    }
    rove__wipe(again, sizeof again);
    return status;
}

static int set_pin(cli_session *cli, const char *file) {
    char bytes[ROVE_PIN_MAX];
    size_t size = 0;
    rove_error error = {0};
    rove_status status = new_pin(file, bytes, sizeof bytes, &size, &error);
    int code = status == ROVE_OK
                   ? wrap(cli, NULL, bytes, size, "The replica is opened with the new PIN.")
                   : cli_fail(cli, status, &error);

    rove__wipe(bytes, sizeof bytes);
    return code;
}

static int set_secret(cli_session *cli, const char *path) {
    uint8_t bytes[ROVE_SECRET_SIZE];
    rove_error error = {0};
    rove_status status = rove_posix_secret_file(path, bytes, &error);
    int code = status == ROVE_OK ? wrap(cli, bytes, NULL, 0,
                                        "The replica is opened with the new secret, and no PIN.")
                                 : cli_fail(cli, status, &error);

    rove__wipe(bytes, sizeof bytes);
    return code;
}

static int replace(cli_session *cli) {
    rove_error error = {0};
    rove_status status = rove_replace_key(cli->replica, &error);

    if (status != ROVE_OK) {
        return cli_fail(cli, status, &error);
    }
    if (!cli->json) {
        puts("Everything in the replica was written anew, under another key.");
    }
    return cli_done(cli, json_pack("{s:b}", "changed", 1));
}

static int run_key(cli_session *cli, int argc, char **argv) {
    const char *file = cli_option(&argc, argv, "--new-pin-file");
    int removed = cli_flag(&argc, argv, "--remove");

    if (argc == 1 && file == NULL && !removed) {
        return show(cli);
    }
    if (argc == 2 && strcmp(argv[1], "pin") == 0 && !(removed && file != NULL)) {
        return removed ? wrap(cli, NULL, NULL, 0, "The replica is opened without a PIN.")
                       : set_pin(cli, file);
    }
    if (argc == 2 && strcmp(argv[1], "replace") == 0 && file == NULL && !removed) {
        return replace(cli);
    }
    if (argc == 3 && strcmp(argv[1], "secret") == 0 && file == NULL && !removed) {
        return set_secret(cli, argv[2]);
    }
    return cli_usage(cli, &cli_command_key, NULL);
}

const cli_command cli_command_key = {
    .name = "key",
    .usage = "[pin [--new-pin-file FILE | --remove] | secret FILE | replace]",
    .summary = "what opens the replica: its secret and its PIN",
    .help =
        "A replica is encrypted with a key of its own, which lies in its folder (core.key), "
        "wrapped\n"
        "under a secret that lies elsewhere and, if you like, under a PIN. Without both nobody "
        "reads\n"
        "it, headquarters neither: keep the secret as long as the replica has unsent work.\n"
        "After five wrong PINs in a row the next one has to wait, for half a minute at first, an "
        "hour at\n"
        "most.\n\n"
        "    rove key                      where the secret is\n"
        "    rove key pin                  sets a PIN, or another one; asked for at the terminal\n"
        "    rove key pin --new-pin-file F the same, from the first line of a file\n"
        "    rove key pin --remove         no PIN any more\n"
        "    rove key secret FILE          from now on the secret in FILE, which is made if it is\n"
        "                                  missing, and no PIN; name it with --secret or "
        "$ROVE_SECRET\n"
        "    rove key replace              writes everything anew under another key: for when "
        "somebody\n"
        "                                  may have a copy of core.key and the secret\n",
    .run = run_key,
};
