/*
 * rove/status.h - the one table of outcomes.
 *
 * Every function of Rove that can fail returns a rove_status. ROVE_OK is 0; everything else says what
 * happened, and its class says who can do something about it. Values are part of the ABI: a value is
 * never reused, a new status goes to the end of its group.
 *
 * Stability: stable. Valid C99, C11 and C++.
 */
#ifndef ROVE_STATUS_H
#define ROVE_STATUS_H

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__) || defined(__clang__)
#define ROVE_CHECK __attribute__((warn_unused_result))
#define ROVE_PRINTF(format_at, args_at) __attribute__((format(printf, format_at, args_at)))
#else
#define ROVE_CHECK
#define ROVE_PRINTF(format_at, args_at)
#endif

/* clang-format off */
/* X(name, value, class, text): the text is a whole sentence for a rep or an operator. */
#define ROVE_STATUS_MAP(X) \
    X(OK,              0, FINE,    "Done.") \
    X(DONE,            1, FINE,    "There is nothing more.") \
    X(INVALID,        10, CALLER,  "The call was made with an argument that it does not accept.") \
    X(NOT_FOUND,      11, CALLER,  "There is no such record.") \
    X(EXISTS,         12, CALLER,  "It exists already.") \
    X(RANGE,          13, CALLER,  "A value is outside the limits of its field.") \
    X(UTF8,           14, CALLER,  "A text is not valid UTF-8 or contains a NUL byte.") \
    X(TOO_BIG,        15, CALLER,  "A value, a row, a transaction or a frame is larger than allowed.") \
    X(UNKNOWN_ENTITY, 16, CALLER,  "This build does not know the entity.") \
    X(UNKNOWN_FIELD,  17, CALLER,  "This build does not know the field.") \
    X(DENIED,         18, CALLER,  "This field or record may not be written by this user.") \
    X(REQUIRED,       19, CALLER,  "A required field is missing.") \
    X(STATE,          20, CALLER,  "The record's state does not allow this change.") \
    X(CYCLE,          21, CALLER,  "The change would make a record its own ancestor.") \
    X(NOMEM,          30, DEVICE,  "There is not enough memory.") \
    X(IO,             31, DEVICE,  "Reading or writing a file failed.") \
    X(FULL,           32, DEVICE,  "The disk is full.") \
    X(READONLY,       33, DEVICE,  "The files cannot be written.") \
    X(CORRUPT,        34, DEVICE,  "A file is damaged.") \
    X(BUSY,           35, DEVICE,  "Another process has these files open.") \
    X(CRYPTO,         36, DEVICE,  "A cryptographic operation failed.") \
    X(WRONG_KEY,      37, DEVICE,  "The key does not open this replica.") \
    X(LOCKED,         38, DEVICE,  "The replica is locked.") \
    X(NOT_ENCRYPTED,  41, DEVICE,  "This replica is not encrypted, and an encrypted one was expected.") \
    X(WIPED,          42, DEVICE,  "This replica was wiped. What had not been sent lies sealed in the drop box.") \
    X(CANCELLED,      39, FINE,    "The work was cancelled; it goes on where it stopped.") \
    X(LIMIT,          40, FINE,    "The budget was used up; the rest follows next time.") \
    X(NETWORK,        50, RETRY,   "Headquarters could not be reached.") \
    X(TIMEOUT,        51, RETRY,   "Headquarters did not answer in time.") \
    X(LATER,          52, RETRY,   "Headquarters asks to try again later.") \
    X(SERVER,         53, RETRY,   "Headquarters reported an internal failure.") \
    X(NOT_ROVE,       54, RETRY,   "What answered is not headquarters; perhaps this network asks for a login page.") \
    X(TRUNCATED,      55, RETRY,   "The connection ended in the middle of a message.") \
    X(PROTOCOL,       60, PEER,    "The other side sent something that is not allowed.") \
    X(VERSION,        61, PEER,    "The other side speaks another version of the protocol.") \
    X(UPGRADE,        62, PEER,    "This version of the app is too old for headquarters; please upgrade. Unsent work is safe.") \
    X(TLS,            63, PEER,    "The other side could not prove that it is headquarters.") \
    X(NOT_ENROLLED,   70, ACCESS,  "This device is not enrolled.") \
    X(UNAUTHORIZED,   71, ACCESS,  "Headquarters does not accept this device's certificate.") \
    X(REVOKED,        72, ACCESS,  "This device was revoked by headquarters.") \
    X(EXPIRED,        73, ACCESS,  "This device's certificate has expired; renew it.") \
    X(CODE,           74, ACCESS,  "The enrolment code is wrong, used, or expired; ask headquarters for a new one.") \
    X(FORK,           75, ACCESS,  "This device is a copy of another; it has to enrol again. Unsent work is kept.")
/* clang-format on */

typedef enum rove_status {
#define ROVE_STATUS_ENUM(name, value, class_, text) ROVE_##name = (value),
    ROVE_STATUS_MAP(ROVE_STATUS_ENUM)
#undef ROVE_STATUS_ENUM
} rove_status;

/* Who can do something about a status. */
typedef enum rove_status_class {
    ROVE_CLASS_FINE,   /* nobody needs to */
    ROVE_CLASS_CALLER, /* the caller: the input is wrong */
    ROVE_CLASS_DEVICE, /* the device: memory, disk, files, keys */
    ROVE_CLASS_RETRY,  /* time: the same call may work later */
    ROVE_CLASS_PEER,   /* the other end, or an upgrade of either */
    ROVE_CLASS_ACCESS  /* headquarters: enrolment, revocation */
} rove_status_class;

/* The short name, "TOO_BIG"; "?" for a value that is no status. Never NULL. Any thread. */
const char *rove_status_name(rove_status status);
/* A sentence for a person. Never NULL, static. Any thread. */
const char *rove_status_text(rove_status status);
/* Who can act. Any thread. */
rove_status_class rove_status_classify(rove_status status);

#ifdef __cplusplus
}
#endif
#endif
