/*
 * rove/rove.h - everything an app needs, in one include.
 *
 * rove/client.h is the manual. The structs of the records are in rove/entities.pb-c.h, ports for POSIX systems in
 * rove/posix.h; rove/sys/ is for people who write ports of their own.
 *
 * Stability: stable. Valid C99, C11 and C++.
 */
#ifndef ROVE_ROVE_H
#define ROVE_ROVE_H

#include "rove/client.h"
#include "rove/drop.h"
#include "rove/error.h"
#include "rove/status.h"
#include "rove/value.h"

#endif
