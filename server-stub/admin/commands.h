/*
 * admin/commands.h - every command of an operator, by name; commands.c lists them in the order of `help`.
 *
 * Each is defined beside its code: admin/, assign/, import/. hq.h says what a command is.
 */
#ifndef ROVE_HQ_COMMANDS_H
#define ROVE_HQ_COMMANDS_H

#include "hq.h"

/* Who works here, and on which devices. */
extern const hq_command hq_command_users;
extern const hq_command hq_command_enroll_code;
extern const hq_command hq_command_devices;
extern const hq_command hq_command_revoke;
extern const hq_command hq_command_lock;
extern const hq_command hq_command_unlock;
extern const hq_command hq_command_wipe;

/* Who holds what. */
extern const hq_command hq_command_assign;
extern const hq_command hq_command_unassign;
extern const hq_command hq_command_reassign;
extern const hq_command hq_command_offboard;
extern const hq_command hq_command_plans;

/* Records. */
extern const hq_command hq_command_show;
extern const hq_command hq_command_add;
extern const hq_command hq_command_set;
extern const hq_command hq_command_delete;
extern const hq_command hq_command_history;
extern const hq_command hq_command_import;
extern const hq_command hq_command_export;

extern const hq_command hq_command_conflicts;
extern const hq_command hq_command_review;
extern const hq_command hq_command_audit;
extern const hq_command hq_command_acts;
extern const hq_command hq_command_backup;
extern const hq_command hq_command_renew_server;
extern const hq_command hq_command_keys;
extern const hq_command hq_command_purge;
extern const hq_command hq_command_status;
extern const hq_command hq_command_policy;

#endif
