/* A wire of a given length between two network namespaces, in user space.
 *
 *   delay NS_A IF_A NS_B IF_B DELAY_MS [CONTROL]
 *
 * Joins a pair of TUN devices and holds every IP packet for a one-way delay, with random loss,
 * a rate limit and a black hole if asked. Many kernels are built without netem. NS may be "-",
 * our own namespace. The devices get their addresses afterwards, with `ip addr add`; once both
 * are there, "ready" is printed. It ends with its standard input.
 *
 * Lines written to the FIFO CONTROL: "delay MS", "loss FRACTION", "drop 0|1|2|3" (bit 0: A to
 * B, bit 1: B to A), "rate MBIT" (0: no limit).
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#define QMAX 16384
#define PKT 2048
typedef struct { uint64_t due; int len; unsigned char b[PKT]; } pkt;
typedef struct { pkt *p; unsigned head, n; uint64_t link_free; } queue;

static uint64_t now_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (uint64_t)t.tv_sec * 1000000000ull + t.tv_nsec;
}
static void die(const char *m) { perror(m); exit(1); }

static int tun_in_ns(const char *ns, const char *ifn) {
  char path[256];
  int self = open("/proc/self/ns/net", O_RDONLY), n = -1, fd;
  struct ifreq r;
  if (strcmp(ns, "-")) {
    snprintf(path, sizeof path, "/run/netns/%s", ns);
    n = open(path, O_RDONLY);
    if (n < 0 || setns(n, CLONE_NEWNET)) die(path);
  }
  fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK);
  if (fd < 0) die("tun");
  memset(&r, 0, sizeof r);
  r.ifr_flags = IFF_TUN | IFF_NO_PI;
  strncpy(r.ifr_name, ifn, IFNAMSIZ - 1);
  if (ioctl(fd, TUNSETIFF, &r)) die("TUNSETIFF");
  if (setns(self, CLONE_NEWNET)) die("setns back");
  if (n >= 0) close(n);
  close(self);
  return fd;
}

int main(int argc, char **argv) {
  if (argc < 6) { fprintf(stderr, "see source for usage\n"); return 2; }
  int fd[2] = {tun_in_ns(argv[1], argv[2]), tun_in_ns(argv[3], argv[4])};
  double delay_ms = atof(argv[5]), loss = 0, rate = 0;
  int drop = 0, ctl = -1;
  if (argc > 6) {
    mkfifo(argv[6], 0600);
    ctl = open(argv[6], O_RDWR | O_NONBLOCK);
  }
  queue q[2];
  for (int i = 0; i < 2; i++) {
    q[i].p = malloc(sizeof(pkt) * QMAX);
    q[i].head = q[i].n = 0;
    q[i].link_free = 0;
  }
  int tfd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK), ep = epoll_create1(0);
  struct epoll_event ev;
  for (int i = 0; i < 2; i++) {
    ev.events = EPOLLIN;
    ev.data.u32 = i;
    epoll_ctl(ep, EPOLL_CTL_ADD, fd[i], &ev);
  }
  ev.events = EPOLLIN; ev.data.u32 = 2; epoll_ctl(ep, EPOLL_CTL_ADD, tfd, &ev);
  if (ctl >= 0) { ev.data.u32 = 3; epoll_ctl(ep, EPOLL_CTL_ADD, ctl, &ev); }
  ev.events = EPOLLIN; ev.data.u32 = 4; epoll_ctl(ep, EPOLL_CTL_ADD, 0, &ev);
  srand48(12345);
  printf("ready\n"); fflush(stdout);
  for (;;) {
    struct epoll_event e[8];
    int k = epoll_wait(ep, e, 8, -1);
    for (int j = 0; j < k; j++) {
      int i = e[j].data.u32;
      if (i == 4) { char x[64]; if (read(0, x, sizeof x) <= 0) return 0; continue; }
      if (i == 2) { uint64_t x; if (read(tfd, &x, 8)) {} continue; }
      if (i == 3) {
        char buf[256]; ssize_t n = read(ctl, buf, sizeof buf - 1);
        if (n > 0) {
          buf[n] = 0;
          for (char *s = strtok(buf, "\n"); s; s = strtok(NULL, "\n")) {
            double v;
            if (sscanf(s, "delay %lf", &v) == 1) delay_ms = v;
            else if (sscanf(s, "loss %lf", &v) == 1) loss = v;
            else if (sscanf(s, "drop %lf", &v) == 1) drop = (int)v;
            else if (sscanf(s, "rate %lf", &v) == 1) rate = v;
          }
        }
        continue;
      }
      for (int c = 0; c < 64; c++) {
        queue *Q = &q[i];
        unsigned char sink[PKT];
        int full = Q->n == QMAX;
        pkt *p = full ? NULL : &Q->p[(Q->head + Q->n) % QMAX];
        ssize_t n = read(fd[i], full ? sink : p->b, PKT);
        if (n <= 0) break;
        if (full || ((drop >> i) & 1) || (loss > 0 && drand48() < loss)) continue;
        uint64_t t = now_ns();
        if (rate > 0) { /* serialise at the given rate */
          if (Q->link_free < t) Q->link_free = t;
          Q->link_free += (uint64_t)(n * 8000.0 / rate);
          t = Q->link_free;
        }
        p->due = t + (uint64_t)(delay_ms * 1e6);
        p->len = (int)n;
        Q->n++;
      }
    }
    uint64_t t = now_ns(), next = 0;
    for (int i = 0; i < 2; i++) {
      while (q[i].n) {
        pkt *p = &q[i].p[q[i].head];
        if (p->due > t) { if (!next || p->due < next) next = p->due; break; }
        if (write(fd[1 - i], p->b, p->len) < 0 && errno == EAGAIN) { next = t + 200000; break; }
        q[i].head = (q[i].head + 1) % QMAX;
        q[i].n--;
      }
    }
    struct itimerspec its = {{0, 0}, {0, 0}};
    if (next) { its.it_value.tv_sec = next / 1000000000ull; its.it_value.tv_nsec = next % 1000000000ull; }
    timerfd_settime(tfd, TFD_TIMER_ABSTIME, &its, NULL);
  }
}
