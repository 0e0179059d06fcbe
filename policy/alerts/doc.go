// Package alerts says when a budget deserves attention, and tells webhooks.
//
// An alert is due when what a scope has spent in a budget's window reaches a soft
// budget or a configured percentage of the budget, and when what it spends at its
// pace so far would use the budget up before its window ends. Each is told once per
// window and webhook: the store keeps what was told, so that a restart neither loses
// an alert nor repeats it. A process that dies between a webhook's answer and its note
// of it sends once more, under the same id.
package alerts
