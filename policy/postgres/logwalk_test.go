package postgres_test

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/purser/purser/policy"
)

// However many days there are, a page is what it would be in one list: requests that
// began on the day before they were reserved, at the same moment as others, or in a
// part of a day, included.
func TestPagesOfLogsOverManyDays(t *testing.T) {
	t.Parallel()
	seed := uint64(time.Now().UnixNano())
	rng := rand.New(rand.NewPCG(seed, 0))
	t.Logf("seed %d", seed)
	s := open(t)
	first := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	const days = 12
	var all []policy.Entry
	for i := range 600 {
		e := entry(rng, i)
		e.ReservedAt = first.Add(time.Duration(rng.Int64N(int64(days * 24 * time.Hour)))).Truncate(time.Minute)
		if rng.IntN(4) == 0 {
			e.ReservedAt = e.ReservedAt.Truncate(24 * time.Hour)
		}
		e.StartedAt = e.ReservedAt.Add(time.Duration(rng.IntN(3)-1) * time.Duration(rng.IntN(20*60)) * time.Minute)
		e.EndedAt = e.StartedAt.Add(time.Second)
		all = append(all, e)
	}
	writeEntries(t, s, all...)
	writeEntries(t, s, policy.Entry{Type: policy.EntryAdjustment, CallID: "adjusted", AdjustedKind: "team", AdjustedID: "team1", ReservedAt: first.Add(30 * time.Hour), Cost: policy.Cost{Total: 1}})
	for range 120 {
		var q policy.LogQuery
		filter := func(e policy.Entry) bool { return true }
		switch rng.IntN(14) {
		case 0:
			q.TeamID = "team1"
			filter = func(e policy.Entry) bool { return e.TeamID == "team1" }
		case 1:
			q.KeyHash, q.Status = all[0].KeyHash, policy.StatusFailure
			filter = func(e policy.Entry) bool { return e.KeyHash == all[0].KeyHash && e.Status == policy.StatusFailure }
		case 2:
			q.Customer = "customer1"
			filter = func(e policy.Entry) bool { return e.CustomerID == "customer1" }
		case 3:
			q.UserID, q.Model = "user2", "openai/m1"
			filter = func(e policy.Entry) bool { return e.UserID == "user2" && e.ModelAsked == "openai/m1" }
		case 4:
			q.Status = policy.StatusAbandoned
			filter = func(e policy.Entry) bool { return e.Status == policy.StatusAbandoned }
		case 5:
			q.Teams, q.Status = []string{"team1", "team2"}, policy.StatusSuccess
			filter = func(e policy.Entry) bool {
				return (e.TeamID == "team1" || e.TeamID == "team2") && e.Status == policy.StatusSuccess
			}
		case 6:
			q.Model = "openai/m1"
			filter = func(e policy.Entry) bool { return e.Model == "openai/m1" || e.ModelAsked == "openai/m1" }
		case 7:
			q.ModelGroup, q.Status = all[1].ModelGroup, policy.StatusFailure
			filter = func(e policy.Entry) bool {
				return (e.ModelGroup == q.ModelGroup || e.ModelAsked == q.ModelGroup) && e.Status == policy.StatusFailure
			}
		case 8:
			q.Model = "never heard of"
			filter = func(e policy.Entry) bool { return false }
		case 9:
			q.Tag = "tag1"
			filter = func(e policy.Entry) bool { return slices.Contains(e.Tags, "tag1") }
		case 10:
			q.Tag, q.KeyHash, q.Status = "tag0", all[0].KeyHash, policy.StatusSuccess
			filter = func(e policy.Entry) bool {
				return slices.Contains(e.Tags, "tag0") && e.KeyHash == q.KeyHash && e.Status == policy.StatusSuccess
			}
		case 11:
			q.Tag, q.TeamID = "tag0", "team1" // whose rows are not all of the tag's
			filter = func(e policy.Entry) bool { return slices.Contains(e.Tags, "tag0") && e.TeamID == "team1" }
		case 12:
			q.Tag = "never heard of"
			filter = func(e policy.Entry) bool { return false }
		}
		if rng.IntN(2) == 0 {
			q.From = first.Add(time.Duration(rng.Int64N(int64(days * 24 * time.Hour))))
		}
		if rng.IntN(2) == 0 {
			q.Until = first.Add(time.Duration(rng.Int64N(int64(days * 24 * time.Hour))))
		}
		if rng.IntN(2) == 0 {
			q.Sort = "startTime"
		}
		q.Ascending, q.Limit, q.Offset = rng.IntN(2) == 0, 1+rng.IntN(40), rng.IntN(4)*rng.IntN(60)
		reserved := q.Sort == "" && (q.KeyHash != "" || q.TeamID != "" || q.UserID != "" || q.Customer != "")
		var matching []policy.Entry
		for _, e := range all {
			if filter(e) && !e.StartedAt.Before(q.From) && (q.Until.IsZero() || e.StartedAt.Before(q.Until)) {
				matching = append(matching, e)
			}
		}
		slices.SortFunc(matching, func(a, b policy.Entry) int {
			at, bt := a.StartedAt, b.StartedAt
			if reserved {
				at, bt = a.ReservedAt, b.ReservedAt
			}
			order := cmp.Or(at.Compare(bt), strings.Compare(a.CallID, b.CallID))
			if !q.Ascending {
				order = -order
			}
			return order
		})
		var want, got []string
		for _, e := range matching[min(q.Offset, len(matching)):min(q.Offset+q.Limit, len(matching))] {
			want = append(want, e.CallID)
		}
		page, total, capped, err := s.Logs(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range page {
			got = append(got, e.CallID)
		}
		if fmt.Sprint(got) != fmt.Sprint(want) || total != len(matching) || capped {
			t.Fatalf("%+v\ngot  %v of %d, capped %v\nwant %v of %d", q, got, total, capped, want, len(matching))
		}
	}
}
