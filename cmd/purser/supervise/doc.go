// Package supervise keeps a few child processes running and stops them in order.
//
// Children are started one after the other; each is supervised from the moment it
// is ready. One that dies is started again: at once the first time, then after a
// pause that doubles with each death, until it has run for a while. Stop ends them
// in the reverse order, each with its own signal and within its own bound, after
// which it is killed.
//
// Each child runs in its own process group, so that a Ctrl-C in the terminal reaches
// only the supervisor, and is killed by the kernel when the supervisor dies, by
// whatever cause. Its pid is in <dir>/<name>.pid as long as it runs, its output in
// <dir>/logs/<name>.log; lines that look like trouble are also said aloud.
//
// A child that ends before it was ever ready is not started again: it has something
// to say (a port, a file, a setting), and Start returns it with the end of its log.
package supervise
