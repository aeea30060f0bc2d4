/*
 * commands.c - the table of commands, in the order of `rove-hq help`. To add one: define it beside its code, declare
 * it in admin/commands.h, and name it here.
 */
#include "admin/commands.h"

#include <string.h>

const hq_command *const hq_commands[] = {&hq_command_enroll_code, &hq_command_devices,
                                         &hq_command_revoke,      &hq_command_import,
                                         &hq_command_status,      NULL};

const hq_command *hq_command_named(const char *name) {
    for (const hq_command *const *at = hq_commands; *at != NULL; at++) {
        if (strcmp((*at)->name, name) == 0) {
            return *at;
        }
    }
    return NULL;
}
