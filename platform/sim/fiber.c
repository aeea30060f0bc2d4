/*
 * sim/fiber.c - see fiber.h; by ucontext(3). The address sanitizer is told of each switch.
 */
#include "sim/fiber.h"

#include <stdlib.h>
#include <ucontext.h>

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/common_interface_defs.h>
#define SWITCH_BEGIN(save, bottom, size) __sanitizer_start_switch_fiber(save, bottom, size)
#define SWITCH_END(save, bottom, size)   __sanitizer_finish_switch_fiber(save, bottom, size)
#else
#define SWITCH_BEGIN(save, bottom, size) ((void)(save))
#define SWITCH_END(save, bottom, size)   ((void)(save))
#endif

#define STACK_SIZE    ((size_t)512 * 1024)
#define STACK_ALIGNED 4096
#define SPARE_MAX     16

struct sim_fiber {
    ucontext_t context, caller;
    void *stack;
    void *fake, *caller_fake;
    const void *caller_stack;
    size_t caller_size;
    void (*run)(void *ctx);
    void *ctx;
    int ended;
};

static sim_fiber *current;
static void *spare[SPARE_MAX];
static int spares;

static void *stack_get(void) {
    if (spares > 0) {
        return spare[--spares];
    }
    return aligned_alloc(STACK_ALIGNED, STACK_SIZE);
}

static void stack_put(void *stack) {
    if (stack == NULL) {
        return;
    }
    if (spares < SPARE_MAX) {
        spare[spares++] = stack;
    } else {
        free(stack);
    }
}

static void begin(void) {
    sim_fiber *self = current;
    SWITCH_END(NULL, &self->caller_stack, &self->caller_size);
    self->run(self->ctx);
    self->ended = 1;
    SWITCH_BEGIN(NULL, self->caller_stack, self->caller_size);
    (void)swapcontext(&self->context, &self->caller);
}

static void prepare(sim_fiber *self) {
    (void)getcontext(&self->context);
    self->context.uc_stack.ss_sp = self->stack;
    self->context.uc_stack.ss_size = STACK_SIZE;
    makecontext(&self->context, begin, 0);
}

sim_fiber *sim_fiber_new(void (*run)(void *ctx), void *ctx) {
    sim_fiber *self = calloc(1, sizeof *self);
    if (self == NULL || (self->stack = stack_get()) == NULL) {
        free(self);
        return NULL;
    }
    self->run = run;
    self->ctx = ctx;
    prepare(self);
    return self;
}

void sim_fiber_free(sim_fiber *self) {
    if (self != NULL) {
        stack_put(self->stack);
        free(self);
    }
}

int sim_fiber_resume(sim_fiber *self) {
    current = self;
    SWITCH_BEGIN(&self->caller_fake, self->stack, STACK_SIZE);
    (void)swapcontext(&self->caller, &self->context);
    SWITCH_END(self->caller_fake, NULL, NULL);
    current = NULL;
    return self->ended;
}

void sim_fiber_wait(void) {
    sim_fiber *self = current;
    SWITCH_BEGIN(&self->fake, self->caller_stack, self->caller_size);
    (void)swapcontext(&self->context, &self->caller);
    SWITCH_END(self->fake, &self->caller_stack, &self->caller_size);
}

sim_fiber *sim_fiber_self(void) {
    return current;
}
