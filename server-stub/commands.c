/*
 * commands.c - the table of commands, in the order of `rove-hq help`. To add one: define it beside its code, declare
 * it in admin/commands.h, and name it here.
 */
#include "admin/commands.h"

#include <string.h>

/* clang-format off */
const hq_command *const hq_commands[] = {
    &hq_command_users, &hq_command_enroll_code, &hq_command_devices, &hq_command_revoke,
    &hq_command_lock, &hq_command_unlock, &hq_command_wipe,
    &hq_command_import, &hq_command_assign, &hq_command_unassign,
    &hq_command_reassign, &hq_command_offboard, &hq_command_plans,
    &hq_command_show, &hq_command_add, &hq_command_set, &hq_command_delete, &hq_command_history,
    &hq_command_export,
    &hq_command_conflicts, &hq_command_review, &hq_command_audit, &hq_command_acts, &hq_command_backup,
    &hq_command_purge, &hq_command_renew_server, &hq_command_keys, &hq_command_status, &hq_command_policy,
    NULL};
/* clang-format on */

const hq_command *hq_command_named(const char *name) {
    for (const hq_command *const *at = hq_commands; *at != NULL; at++) {
        if (strcmp((*at)->name, name) == 0) {
            return *at;
        }
    }
    return NULL;
}
