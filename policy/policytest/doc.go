// Package policytest holds what tests of the policy and of everything that stores
// or counts for it have in common: a clock that moves when told to, a journal that
// remembers and can fail, builders, and Ledger, the suite that every policy.Ledger
// must pass.
//
// The suite is the contract. It knows nothing of an implementation but its
// interfaces: policy.Ledger, policy.Inspector, policy.Seeder and Reaper. Time
// comes from the Clock alone, so nothing in it waits.
package policytest
