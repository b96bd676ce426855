/* What a child of fork() may do: nothing with the workers of its parent, which would be to wait for threads
 * that are not there, and everything with its own.
 *
 *     fork ENGINE
 */

#include <perjoule.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#define CHECK(right) ((right) ? (void)0 : failed(#right, __LINE__))

/* Far longer than anything here takes. */
enum { PATIENCE = 60 };

static void failed(const char *what, int line) {
    fprintf(stderr, "fork.c:%d: not so: %s (last error: %s)\n", line, what, perjoule_last_error());
    exit(1);
}

static PerjouleStatus search(const PerjouleWorkers *workers, PerjouleOutcome *outcome) {
    PerjouleWork work = {.size = sizeof work, .target = {1}, .nonce_count = 4096};
    PerjouleShare share;
    *outcome = (PerjouleOutcome){.size = sizeof *outcome};
    return perjoule_search(workers, &work, NULL, &share, 1, outcome);
}

static void child(PerjouleWorkers *of_parent, const char *engine) {
    PerjouleOutcome outcome;
    CHECK(search(of_parent, &outcome) == PERJOULE_STATUS_INVALID);
    CHECK(strstr(perjoule_last_error(), "fork") != NULL);
    perjoule_close(of_parent);

    PerjouleWorkers *own;
    CHECK(perjoule_open(engine, 2, &own) == PERJOULE_STATUS_OK);
    CHECK(search(own, &outcome) == PERJOULE_STATUS_OK && outcome.hashes == 4096);
    perjoule_close(own);
    exit(0);
}

int main(int argc, char **argv) {
    CHECK(argc == 2);
    PerjouleWorkers *workers;
    CHECK(perjoule_open(argv[1], 2, &workers) == PERJOULE_STATUS_OK);
    PerjouleOutcome outcome;
    CHECK(search(workers, &outcome) == PERJOULE_STATUS_OK);

    pid_t pid = fork();
    CHECK(pid >= 0);
    if (pid == 0) {
        alarm(PATIENCE);
        child(workers, argv[1]);
    }
    int status;
    CHECK(waitpid(pid, &status, 0) == pid);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);

    /* The parent's are as they were. */
    CHECK(search(workers, &outcome) == PERJOULE_STATUS_OK && outcome.hashes == 4096);
    perjoule_close(workers);
    puts("all as it should be");
    return 0;
}
