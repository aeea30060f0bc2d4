/*
 * admin/policy.c - rove-hq policy: what headquarters asks of its devices.
 */
#include "policy.h"

#include <string.h>

#include "admin/commands.h"
#include "args.h"
#include "base/text.h"
#include "print.h"

#define DETAIL_MAX 200
#define HOUR_MS    INT64_C(3600000)

typedef struct knob {
    const char *name; /* as an operator types it */
    const char *kept; /* as policy.h has it */
    int64_t scale;    /* kept = typed * scale */
    int64_t least, most;
} knob;

static const knob knobs[] = {
    {"poll_seconds", "poll_ms", 1000, HQ_POLL_MIN_MS / 1000, HQ_POLL_MAX_MS / 1000},
    {"oldest_schema", "oldest_schema", 1, ROVE_SCHEMA_OLDEST, ROVE_SCHEMA_VERSION},
    {"lease_hours", "lease_ms", HOUR_MS, 0, HQ_LEASE_MAX_MS / HOUR_MS},
    {"keep_days", "keep_days", 1, 1, HQ_KEEP_DAYS_MAX},
};
#define KNOBS (sizeof knobs / sizeof knobs[0])

typedef struct changing {
    hq *headquarters;
    const hq_io *io;
    policy_change changes[KNOBS];
    size_t count;
    char detail[DETAIL_MAX];
} changing;

/* "name=value"; 0 if it is none of ours. */
static int take(changing *self, const char *argument) {
    const char *equals = strchr(argument, '=');
    int64_t value = 0;

    for (size_t i = 0; i < KNOBS && equals != NULL && self->count < KNOBS; i++) {
        const knob *k = &knobs[i];
        size_t size = (size_t)(equals - argument);
        if (strlen(k->name) == size && memcmp(k->name, argument, size) == 0) {
            if (!hq_number(equals + 1, k->least, k->most, &value)) {
                return 0;
            }
            self->changes[self->count++] = (policy_change){k->kept, value * k->scale};
            size_t used = strlen(self->detail);
            rove__text_format(self->detail + used, sizeof self->detail - used, "%s%s",
                              used > 0 ? " " : "", argument);
            return 1;
        }
    }
    return 0;
}

static rove_status change(void *ctx, rove__hq_tx *tx, rove_error *error) {
    changing *self = ctx;
    hq *headquarters = self->headquarters;
    rove_status status =
        policy_write(hq_database(headquarters), tx, &hq_get_ports(headquarters)->allocator,
                     self->changes, self->count, error);

    return status == ROVE_OK ? hq_record(headquarters, tx, self->io, "policy", self->detail, 0)
                             : status;
}

static int show(hq *headquarters, const hq_io *io) {
    const rove__server_policy *now = hq_policy(headquarters);

    if (io->json) {
        return hq_print_json(io, json_pack("{s:I, s:I, s:I, s:I, s:i}", "poll_seconds",
                                           (json_int_t)(now->poll_ms / 1000), "oldest_schema",
                                           (json_int_t)now->oldest_schema, "schema",
                                           (json_int_t)ROVE_SCHEMA_VERSION, "lease_hours",
                                           (json_int_t)(now->lease_ms / HOUR_MS), "keep_days",
                                           hq_keep_days(headquarters)));
    }
    hq_print(io, "poll_seconds   %lld\noldest_schema  %u (this is schema %u)\n",
             (long long)(now->poll_ms / 1000), (unsigned)now->oldest_schema,
             (unsigned)ROVE_SCHEMA_VERSION);
    hq_print(io, "lease_hours    %lld%s\nkeep_days      %d\n", (long long)(now->lease_ms / HOUR_MS),
             now->lease_ms == 0 ? " (devices are read for ever)" : "", hq_keep_days(headquarters));
    return HQ_EXIT_DONE;
}

static int run_policy(hq *headquarters, const hq_io *io, int argc, char **argv) {
    const hq_option table[] = {{NULL, NULL, NULL}};
    changing self = {.headquarters = headquarters, .io = io};
    rove_error error = {.code = 0};
    int count = 0;
    int result = hq_arguments(io, &hq_command_policy, table, argc, argv, 0, (int)KNOBS, &count);

    if (result != HQ_EXIT_DONE) {
        return result;
    }
    for (int i = 1; i <= count; i++) {
        if (!take(&self, argv[i])) {
            return hq_usage(io, &hq_command_policy,
                            "takes poll_seconds=1..86400, oldest_schema=1..(this schema), "
                            "lease_hours=0..720 and keep_days=1..36500");
        }
    }
    if (self.count > 0) {
        rove_status status = hq_commit(headquarters, change, &self, &error);
        if (status == ROVE_OK) {
            status = hq_policy_reload(headquarters, &error);
        }
        if (status != ROVE_OK) {
            return hq_failed(io, status, &error);
        }
    }
    return show(headquarters, io);
}

const hq_command hq_command_policy = {
    .name = "policy",
    .usage = "[poll_seconds=N] [oldest_schema=N] [lease_hours=N] [keep_days=N]",
    .summary = "what headquarters asks of its devices",
    .help =
        "poll_seconds is how soon a device comes again when nothing wakes it. oldest_schema "
        "is the\n"
        "oldest version of the data's schema that is still served: a device that speaks an "
        "older one\n"
        "has its work taken, and is then told to upgrade. Both hold from the next exchange "
        "on.\n"
        "lease_hours is how long a device may be read without having reached headquarters; from "
        "then\n"
        "on it answers nothing until it has synced, and what was not sent waits in it. 0 is for "
        "ever.\n"
        "keep_days is the age from which rove-hq purge forgets what happened.\n\n"
        "    rove-hq policy\n"
        "    rove-hq policy poll_seconds=300\n"
        "    rove-hq policy lease_hours=48\n",
    .run = run_policy};
