package policy_test

import (
	"reflect"
	"testing"
	"time"

	"github.com/purser/purser/policy"
)

var marked = policy.Entry{KeyHash: "abc", TeamID: "t", UserID: "u", ProjectID: "p", OrganizationID: "o", CustomerID: "c", Deployment: "d"}

func hold(scope policy.Scope, kind policy.Kind, window policy.Window, limit int64, more ...func(*policy.Hold)) policy.Hold {
	h := policy.Hold{Scope: scope, Kind: kind, Window: window, Limit: limit, Fixed: 1}
	for _, f := range more {
		f(&h)
	}
	return h
}

func TestMarksOfADecision(t *testing.T) {
	month := policy.Window{Kind: policy.WindowCalendar, Every: policy.Duration{N: 1, Unit: policy.Months}}
	minute, life := policy.Window{Kind: policy.WindowMinute}, policy.Window{Kind: policy.WindowLifetime}
	ask := policy.Ask{Least: 3, Holds: []policy.Hold{
		hold(policy.Scope{Kind: policy.ScopeTeam, ID: "t"}, policy.KindSpend, month, 400*int64(policy.Dollar), func(h *policy.Hold) { h.PerToken = 10 }),
		hold(policy.Scope{Kind: policy.ScopeMember, ID: policy.MemberID("t", "u")}, policy.KindSpend, life, 100),
		hold(policy.Scope{Kind: policy.ScopeKey, ID: "abc"}, policy.KindRequests, minute, 60, func(h *policy.Hold) { h.Model, h.Soft = "gpt 4,o/ü", true }),
		hold(policy.Scope{Kind: policy.ScopeTag, ID: "access_group:a, b"}, policy.KindSpend, life, 7),
	}}
	mark := func(i int, used, took int64) policy.Mark {
		h := ask.Holds[i]
		return policy.Mark{Scope: h.Scope, Kind: h.Kind, Model: h.Model, Window: h.Window.Name(), Limit: h.Limit, Used: used, Took: took, Shadow: h.Soft}
	}
	for name, c := range map[string]struct {
		out  policy.Outcome
		want []policy.Mark
	}{
		"what was held for an admitted request is told apart from what others had": {
			policy.Outcome{Granted: true, Output: 5, Balances: []policy.Balance{{Used: 40, Held: 60}, {Used: 1}, {Used: 61}, {Used: -5, Held: 1}}},
			[]policy.Mark{mark(0, 49, 51), mark(1, 0, 1), mark(2, 60, 1), mark(3, -5, 1)},
		},
		"a refused request took nothing": {
			policy.Outcome{Failed: []int{1, 3}, Balances: []policy.Balance{{Used: 40, Held: 60}, {Used: 100}, {Used: 61}, {Used: 7}}},
			[]policy.Mark{mark(0, 100, 31), mark(1, 100, 1), mark(2, 61, 1), mark(3, 7, 1)},
		},
		"nobody counted": {policy.Outcome{Granted: true}, nil},
	} {
		for _, i := range c.out.Failed {
			c.want[i].Refused = true
		}
		text := policy.Marks(&ask, &c.out, &marked)
		if got := policy.ReadMarks(text, &marked); !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: %q\n got %+v\nwant %+v", name, text, got, c.want)
		}
	}
	if left := (policy.Mark{Limit: 10, Used: 4, Took: 3}).Left(); left != 3 {
		t.Errorf("left of 10 after 4 and 3: %d", left)
	}
	if left := (policy.Mark{Limit: 10, Used: 4, Took: 9, Refused: true}).Left(); left != 6 {
		t.Errorf("left of 10 after 4, the next refused: %d", left)
	}
}

func TestMarksStayShort(t *testing.T) {
	ask, out := policy.Ask{}, policy.Outcome{Granted: true}
	for range 500 {
		ask.Holds = append(ask.Holds, hold(policy.Scope{Kind: policy.ScopeTag, ID: "a tag that calls carry"}, policy.KindSpend, policy.Window{}, 1e15))
		out.Balances = append(out.Balances, policy.Balance{Used: 1e14})
	}
	text := policy.Marks(&ask, &out, &marked)
	if got := policy.ReadMarks(text, &marked); len(text) > 1000 || len(got) < 10 || got[len(got)-1].Limit != 1e15 {
		t.Errorf("%d bytes, %d marks", len(text), len(got))
	}
}

func FuzzMarks(f *testing.F) {
	f.Add("ts1mo,a,b,c kr!~,1,-2,3,m%20,id%2C gs,zzz,1,1,,x")
	f.Add("ks,1y2p0ij32e8e7,1,1")
	f.Fuzz(func(t *testing.T, text string) {
		for _, m := range policy.ReadMarks(text, &marked) {
			_ = m.Scope.String() + m.Kind.String() + m.Kind.Info().Unit
			m.Left()
		}
	})
}

func BenchmarkMarks(b *testing.B) {
	month := policy.Window{Kind: policy.WindowCalendar, Every: policy.Duration{N: 1, Unit: policy.Months}}
	ask, out := policy.Ask{}, policy.Outcome{Granted: true, Output: 200, At: time.Unix(0, 0)}
	for _, k := range []policy.ScopeKind{policy.ScopeOrganization, policy.ScopeTeam, policy.ScopeProject, policy.ScopeUser, policy.ScopeKey} {
		id := map[policy.ScopeKind]string{policy.ScopeOrganization: "o", policy.ScopeTeam: "t", policy.ScopeProject: "p", policy.ScopeUser: "u", policy.ScopeKey: "abc"}[k]
		ask.Holds = append(ask.Holds, hold(policy.Scope{Kind: k, ID: id}, policy.KindSpend, month, 4e11), hold(policy.Scope{Kind: k, ID: id}, policy.KindRequests, policy.Window{}, 600))
		out.Balances = append(out.Balances, policy.Balance{Used: 3e11}, policy.Balance{Used: 300})
	}
	b.ReportAllocs()
	for b.Loop() {
		if text := policy.Marks(&ask, &out, &marked); len(text) > 400 {
			b.Fatal(text)
		}
	}
}
