/*
 * main.c - the program rove-hq: reads its options, then runs a command on the folder, or in the process that serves it.
 */
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "args.h"
#include "base/planted.h"
#include "base/text.h"
#include "control.h"
#include "doctor.h"
#include "hq.h"
#include "http/serve.h"
#include "path.h"
#include "posix/posix.h"

#define HOSTS_MAX           16
#define CLOCK_OFFSET_MAX_MS INT64_C(4000000000000)

typedef struct program {
    hq_ports ports;
    hq_io io;
    const char *data;
    char operator_name[256];
    char directory[HQ_PATH_MAX];
} program;

/* ---- help ----------------------------------------------------------------------------------------------- */

/* Commands on a folder that nobody has open; they get no headquarters. */
static int run_init(hq *headquarters, const hq_io *io, int argc, char **argv);
static int run_restore(hq *headquarters, const hq_io *io, int argc, char **argv);
static int run_doctor(hq *headquarters, const hq_io *io, int argc, char **argv);

static const hq_command command_init = {
    .name = "init",
    .usage = "[--name NAME] [--host HOST]... [--currency CODE] [--timezone ZONE]",
    .summary = "make a headquarters in the data folder",
    .help = "Makes a private certificate authority, a server certificate and the database. HOST is "
            "each\n"
            "DNS name or address under which devices will reach this server (default: localhost,\n"
            "127.0.0.1 and ::1). A headquarters that is there already is left as it is.\n\n"
            "    rove-hq --data /srv/acme init --name 'Acme Field Sales' --host hq.acme.example\n",
    .run = run_init};

static const hq_command command_restore = {
    .name = "restore",
    .usage = "FILE",
    .summary = "put a backup in the place of the database",
    .help =
        "FILE is what `rove-hq backup` wrote. Stop `serve` first. The backup is checked before "
        "anything\n"
        "is touched; the database that is there now is kept in the folder under another name.\n\n"
        "What devices sent after the backup comes back with their next sync. What operators did\n"
        "after it is gone: `rove-hq acts` ends where to begin again.\n\n"
        "    rove-hq restore /backup/hq-2026-11-23.db && rove-hq serve\n",
    .run = run_restore};

static const hq_command command_doctor = {
    .name = "doctor",
    .usage = "[--deep]",
    .summary = "what is wrong with this headquarters and this host",
    .help =
        "Looks at the libraries (which versions run, and what stands in for fixes that they lack), "
        "the\n"
        "keys and who can reach them, the certificates, the database and its settings, backups, "
        "work in\n"
        "review, plans, the record of acts (the newest 1,000), the clock and the disk. One line "
        "each: ok, a\n"
        "warning, or wrong, and what to do.\n"
        "--deep reads the whole database file, and all acts. Nothing is written, so it works on a "
        "folder that "
        "is\n"
        "served, damaged or incomplete too. Exit code 0: nothing is wrong; 1: something is.\n\n"
        "    rove-hq doctor\n    rove-hq doctor --deep --json\n",
    .run = run_doctor};

static const char general[] =
    "rove-hq - headquarters of Rove: the sync server of a field-sales force, and its "
    "administration.\n"
    "\n"
    "    rove-hq [--data DIR] [--json] [--operator NAME] COMMAND ...\n"
    "\n"
    "    --data DIR        the folder of this headquarters (default: $ROVE_HQ_DATA, else "
    "./rove-hq-data)\n"
    "    --json            print one JSON document instead of text\n"
    "    --operator NAME   who does it, for the record of acts (default: your login name)\n"
    "\n"
    "To begin:\n"
    "    rove-hq init --name 'Acme Field Sales'\n"
    "    rove-hq serve\n"
    "\n"
    "Commands (rove-hq help COMMAND explains one):\n";

static const char closing[] =
    "\nWhile `serve` runs, commands work through it; without it they open the folder themselves.\n"
    "Exit codes: 0 done, 1 failed, 2 wrong usage, 3 done in part, 4 another process is busy with "
    "the\n"
    "folder, 5 not found.\n";

static const hq_command *find_command(const char *name) {
    const hq_command *const own[] = {&command_init, &command_restore, &command_doctor,
                                     &hq_command_serve};
    for (size_t i = 0; i < sizeof own / sizeof own[0]; i++) {
        if (strcmp(own[i]->name, name) == 0) {
            return own[i];
        }
    }
    return hq_command_named(name);
}

static void list_one(const hq_io *io, const hq_command *command) {
    hq_print(io, "    %-12s  %s\n", command->name, command->summary);
}

static int help(const hq_io *io, const char *name) {
    const hq_command *command = name == NULL ? NULL : find_command(name);
    if (command != NULL) {
        hq_print(io, "rove-hq %s %s\n\n%s.\n\n%s", command->name, command->usage, command->summary,
                 command->help);
        return HQ_EXIT_DONE;
    }
    if (name != NULL) {
        hq_complain(io, "rove-hq: there is no command '%s'; rove-hq help lists them\n", name);
        return HQ_EXIT_USAGE;
    }
    hq_print(io, "%s", general);
    list_one(io, &command_init);
    list_one(io, &hq_command_serve);
    for (const hq_command *const *at = hq_commands; *at != NULL; at++) {
        list_one(io, *at);
    }
    list_one(io, &command_restore);
    list_one(io, &command_doctor);
    hq_print(io, "%s", closing);
    return HQ_EXIT_DONE;
}

/* ---- init ----------------------------------------------------------------------------------------------- */

static int run_init(hq *headquarters, const hq_io *io, int argc, char **argv) {
    static const char *const nearby[] = {"localhost", "127.0.0.1", "::1"};
    const program *self = io->ctx;
    const char *hosts[HOSTS_MAX];
    hq_init_options init = {.name = "Headquarters", .timezone = "UTC"};
    const hq_option options[] = {{"--name", &init.name, NULL},
                                 {"--currency", &init.currency, NULL},
                                 {"--timezone", &init.timezone, NULL},
                                 {NULL, NULL, NULL}};
    rove_error error = {0};
    int count = 0;
    (void)headquarters;
    argc = hq_take_all("--host", argc, argv, hosts, HOSTS_MAX, &init.host_count);
    int usage = hq_arguments(io, &command_init, options, argc, argv, 0, 0, &count);
    if (usage != HQ_EXIT_DONE) {
        return usage;
    }
    init.hosts = init.host_count == 0 ? nearby : hosts;
    init.host_count = init.host_count == 0 ? sizeof nearby / sizeof nearby[0] : init.host_count;
    init.operator_name = io->operator_name;
    rove_status status = hq_init(&self->ports, self->data, &init, &error);
    if (status != ROVE_OK) {
        return hq_failed(io, status, &error);
    }
    if (io->json) {
        hq_print(io, "{\"made\": true}\n");
        return HQ_EXIT_DONE;
    }
    hq_print(io,
             "Made a headquarters in %s.\n\n"
             "Keep ca.key and seal.key secret, and a copy of the folder safe. Next:\n"
             "    rove-hq --data %s serve                        let devices in\n"
             "    rove-hq --data %s import FILE...               bring users and customers\n"
             "    rove-hq --data %s enroll-code --user USER      invite a user's device\n",
             self->data, self->data, self->data, self->data);
    return HQ_EXIT_DONE;
}

static int run_restore(hq *headquarters, const hq_io *io, int argc, char **argv) {
    const program *self = io->ctx;
    const hq_option options[] = {{NULL, NULL, NULL}};
    hq_restored restored;
    rove_error error = {0};
    int count = 0;
    (void)headquarters;
    int usage = hq_arguments(io, &command_restore, options, argc, argv, 1, 1, &count);
    if (usage != HQ_EXIT_DONE) {
        return usage;
    }
    rove_status status = hq_restore(&self->ports, self->data, io, argv[1], &restored, &error);
    if (status != ROVE_OK) {
        return hq_failed(io, status, &error);
    }
    if (io->json) {
        hq_print(io, "{\"head\": %llu, \"replaced\": \"%s\"}\n", (unsigned long long)restored.head,
                 restored.aside);
        return HQ_EXIT_DONE;
    }
    hq_print(io,
             "Restored: all up to head %llu. The database before it is %s/%s.\n"
             "Now serve: devices send again what they had sent since.\n",
             (unsigned long long)restored.head, self->data, restored.aside);
    return HQ_EXIT_DONE;
}

static int run_doctor(hq *headquarters, const hq_io *io, int argc, char **argv) {
    const program *self = io->ctx;
    int deep = 0;
    const hq_option options[] = {{"--deep", NULL, &deep}, {NULL, NULL, NULL}};
    int count = 0;
    (void)headquarters;
    int usage = hq_arguments(io, &command_doctor, options, argc, argv, 0, 0, &count);
    return usage != HQ_EXIT_DONE ? usage : hq_doctor(&self->ports, self->data, io, deep);
}

/* ---- running a command ---------------------------------------------------------------------------------- */

static void write_out(void *ctx, const char *bytes, size_t size) {
    (void)ctx;
    (void)fwrite(bytes, 1, size, stdout);
    (void)fflush(stdout);
}

static void write_err(void *ctx, const char *bytes, size_t size) {
    (void)ctx;
    (void)fwrite(bytes, 1, size, stderr);
}

/* Here, if the folder is free; else in the process that serves it. */
static int run_command(program *self, const hq_command *command, int argc, char **argv) {
    rove_error busy = {0};
    rove_error error = {0};
    hq *headquarters = NULL;
    int code = HQ_EXIT_FAILED;
    rove_status status = hq_open(&self->ports, self->data, &headquarters, &busy);
    if (status == ROVE_OK) {
        code = command->run(headquarters, &self->io, argc, argv);
        hq_close(headquarters);
        return code;
    }
    if (status != ROVE_BUSY || command == &hq_command_serve) {
        return hq_failed(&self->io, status, &busy);
    }
    status = control_call(&self->ports.allocator, self->data, &self->io, argc, argv, &code, &error);
    if (status == ROVE_NOT_FOUND) {
        return hq_failed(&self->io, ROVE_BUSY, &busy);
    }
    return status == ROVE_OK ? code : hq_failed(&self->io, status, &error);
}

static int dispatch(program *self, int argc, char **argv) {
    if (argc == 0 || strcmp(argv[0], "help") == 0) {
        return help(&self->io, argc > 1 ? argv[1] : NULL);
    }
    const hq_command *command = find_command(argv[0]);
    if (command == NULL) {
        return help(&self->io, argv[0]);
    }
    if (argc > 1 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)) {
        return help(&self->io, argv[0]);
    }
    if (command == &command_init || command == &command_restore || command == &command_doctor) {
        return command->run(NULL, &self->io, argc, argv);
    }
    return run_command(self, command, argc, argv);
}

/* Reads the options before the command; the index of the command, or -1. */
static int read_options(program *self, int argc, char **argv) {
    int64_t offset_ms = 0;
    int i = 1;
    for (; i < argc && argv[i][0] == '-'; i++) {
        const char *value = i + 1 < argc ? argv[i + 1] : NULL;
        if (strcmp(argv[i], "--json") == 0) {
            self->io.json = 1;
        } else if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
            return argc;
        } else if (strcmp(argv[i], "--data") == 0 && value != NULL && *value != '\0') {
            self->data = argv[++i];
        } else if (strcmp(argv[i], "--clock-offset-ms") == 0 && value != NULL &&
                   hq_number(value, -CLOCK_OFFSET_MAX_MS, CLOCK_OFFSET_MAX_MS, &offset_ms)) {
            rove_posix_clock_skew(offset_ms); /* for tests: a wrong or a later clock */
            i++;
        } else if (strcmp(argv[i], "--operator") == 0 && value != NULL) {
            rove__text_format(self->operator_name, sizeof self->operator_name, "%s", argv[++i]);
        } else {
            hq_complain(&self->io,
                        "rove-hq: %s is no option, or lacks its value; see rove-hq help\n",
                        argv[i]);
            return -1;
        }
    }
    return i;
}

/* --json may also stand behind the command; how many arguments are left. */
static int take_json(program *self, int argc, char **argv) {
    int kept = 0;
    int ended = 0;
    for (int i = 0; i < argc; i++) {
        ended |= strcmp(argv[i], "--") == 0;
        if (!ended && strcmp(argv[i], "--json") == 0) {
            self->io.json = 1;
        } else {
            argv[kept++] = argv[i];
        }
    }
    return kept;
}

static void default_options(program *self) {
    const char *data = getenv("ROVE_HQ_DATA");
    const struct passwd *user = getpwuid(geteuid());
    self->data = data != NULL && *data != '\0' ? data : "rove-hq-data";
    rove__text_format(self->operator_name, sizeof self->operator_name, "%s",
                      user != NULL ? user->pw_name : "unknown");
    if (getcwd(self->directory, sizeof self->directory) == NULL) {
        rove__text_format(self->directory, sizeof self->directory, "/");
    }
    self->io = (hq_io){.out = write_out,
                       .err = write_err,
                       .ctx = self,
                       .terminal = isatty(STDOUT_FILENO),
                       .operator_name = self->operator_name,
                       .directory = self->directory};
}

/* Before any thread is there: serve waits for these itself, and who stops reading us is not to kill us. */
static void set_signals(void) {
    sigset_t stop;
    (void)sigemptyset(&stop);
    (void)sigaddset(&stop, SIGINT);
    (void)sigaddset(&stop, SIGTERM);
    (void)pthread_sigmask(SIG_BLOCK, &stop, NULL);
    (void)signal(SIGPIPE, SIG_IGN);
}

int main(int argc, char **argv) {
    static program self;
#ifdef ROVE_PLANTS
    if (!rove__plant_named(getenv("ROVE_PLANT"))) {
        fputs("rove-hq: ROVE_PLANT names no planted bug\n", stderr);
        return HQ_EXIT_USAGE;
    }
#endif
    (void)umask(S_IRWXG | S_IRWXO);
    rove_posix_allocator(&self.ports.allocator);
    rove_posix_clock(&self.ports.clock);
    rove_posix_random(&self.ports.random);
    rove_posix_files(&self.ports.files);
    rove_posix_log_stderr(&self.ports.log, ROVE_LOG_INFO);
    default_options(&self);
    int first = read_options(&self, argc, argv);
    if (first < 0) {
        return HQ_EXIT_USAGE;
    }
    /* What SQLite puts aside is of the same customers, and of the same size, as what it is put aside for. */
    (void)setenv("SQLITE_TMPDIR", self.data, 0);
    const hq_command *command = first < argc ? find_command(argv[first]) : NULL;
    if (command == &hq_command_serve) {
        set_signals();
    }
    rove_status status = rove_posix_crypto_new(&self.ports.crypto);
    if (status != ROVE_OK) {
        return hq_failed(&self.io, status, NULL);
    }
    argc = first + take_json(&self, argc - first, argv + first);
    int code = dispatch(&self, argc - first, argv + first);
    rove_posix_crypto_free(&self.ports.crypto);
    return code;
}
