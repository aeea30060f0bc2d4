/*
 * base/assert.h - a bug stops a development build; a fault never reaches an assertion.
 *
 * ROVE_ASSERT disappears under NDEBUG (release and coverage builds). Its argument must have no effect.
 */
#ifndef ROVE_BASE_ASSERT_H
#define ROVE_BASE_ASSERT_H

#include <assert.h>

#define ROVE_ASSERT(condition) assert(condition)
#define ROVE_STATIC_ASSERT(condition, name) _Static_assert(condition, name)

#endif
