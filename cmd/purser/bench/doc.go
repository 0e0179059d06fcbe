// Package bench measures what Purser costs: `purser bench`.
//
// It compares, on one machine and in one run,
//
//   - Envoy alone: the same listener, filters and cluster without ext_proc;
//   - Envoy with an ext_proc server that decides nothing but answers with the very messages Purser gave (envoybench.NoOp);
//   - Envoy with Purser, counting in its own memory, journalling to a spool on disk;
//   - Envoy with Purser, counting in a real redis-server;
//   - Envoy with Purser and 200 models at two places each, to tell what the choice of a route costs.
//
// Each is an Envoy process with one worker and a server process, so that their CPU time can be told apart; the load
// generator and the provider are processes of their own too, and count for nobody. Purser is the real server library with
// the directory filled directly, and no PostgreSQL: what adminsvc does with the journal is not part of it.
//
// Only ratios mean something on a shared machine. All variants take turns within a round, in an order that moves on by one
// each round, and each ratio is taken within its round; what is reported is the median over the rounds and its quartiles,
// with the conditions. A ratio whose quartiles lie more than a tenth apart is marked as noisy.
//
// A run is a check as well: every reply must be whole, and every request that Purser served must be in its journal, or
// there are no figures. All traffic stays on 127.0.0.1. Linux only, for the CPU time of other processes.
package bench
