package policy_test

import (
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/purser/purser/policy"
)

func TestDirectory(t *testing.T) {
	c := newCompany()
	c.member = &policy.Membership{}
	c.key.Limits.RPM = new(int64(3))
	d := c.directory()
	g := mustResolve(t, d)
	if k, ok := d.Key(c.key.Hash); !ok || len(k.Compiled()) != 1 || d.Keys() != 1 {
		t.Errorf("the key: %+v, %d keys", k, d.Keys())
	}

	// An entity is replaced whole; who resolved before keeps what it resolved.
	changed := c.key
	changed.Blocked = true
	d.Put(&changed)
	if g.Authenticate(now) != nil || mustResolve(t, d).Authenticate(now) == nil {
		t.Error("a key that is blocked: want refused from now on")
	}

	// Each kind goes by itself, and what is not there may go too.
	for _, ref := range []policy.Ref{
		{Kind: policy.EntityMembership, ID: policy.MemberID("t", "u")}, {Kind: policy.EntityUser, ID: "u"}, {Kind: policy.EntityProject, ID: "p"},
		{Kind: policy.EntityTeam, ID: "t"}, {Kind: policy.EntityOrganization, ID: "o"}, {Kind: policy.EntityKey, ID: "not a hash"}, {Kind: "nothing", ID: "x"},
	} {
		d.Delete(ref)
		d.Delete(ref)
	}
	if g := mustResolve(t, d); g.Team != nil || g.Member != nil || g.Project != nil || g.User != nil || g.Organization != nil {
		t.Errorf("%+v, want a key alone", g)
	}
	d.Delete(c.key.Ref())
	if _, ok := d.Resolve(c.key.Hash); ok || d.Keys() != 0 {
		t.Error("a deleted key resolves")
	}
}

func TestDirectoryEach(t *testing.T) {
	c := newCompany()
	c.member = &policy.Membership{}
	d := c.directory()
	var got []string
	d.Each(func(e policy.Entity) bool {
		got = append(got, string(e.Ref().Kind))
		d.Put(e) // may change what it walks over
		return true
	})
	if want := []string{"organization", "team", "membership", "project", "user", "key", "customer", "tag"}; !slices.Equal(got, want) {
		t.Errorf("%q, want everything that carries limits: %q", got, want)
	}
	n := 0
	d.Each(func(policy.Entity) bool { n++; return n < 3 })
	if n != 3 {
		t.Errorf("went on to %d", n)
	}
}

func TestDirectoryAll(t *testing.T) {
	c := newCompany()
	c.member = &policy.Membership{}
	var got []string
	d := c.directory()
	d.All(func(e policy.Entity) bool {
		got = append(got, string(e.Ref().Kind))
		return true
	})
	want := []string{"budget", "access_group", "organization", "user", "team", "membership", "project", "customer", "tag", "key"}
	if !slices.Equal(got, want) {
		t.Errorf("%q, want everything, what is referred to first: %q", got, want)
	}
	n := 0
	d.All(func(policy.Entity) bool { n++; return n < 4 })
	if n != 4 {
		t.Errorf("went on to %d", n)
	}
}

// A managed access group goes by its id and its name, the one it now has.
func TestAccessGroups(t *testing.T) {
	c := newCompany()
	c.group.Models = []string{"gpt-4"}
	allowed := func(d *policy.Directory, entry string) bool {
		k := c.key
		k.Models = []string{entry}
		d.Put(&k)
		return policy.Decide(mustResolve(t, d), call(), now).Refusal == nil
	}
	d := c.directory()
	if !allowed(d, "managed") || !allowed(d, "g-1") {
		t.Error("a group is not known by its id and its name")
	}
	d.Put(&policy.AccessGroup{ID: "g-1", Name: "renamed", Models: []string{"gpt-4"}})
	if allowed(d, "managed") || !allowed(d, "renamed") {
		t.Error("a group that was renamed goes by its old name")
	}
	d.Delete(policy.Ref{Kind: policy.EntityAccessGroup, ID: "g-1"})
	if allowed(d, "renamed") || allowed(d, "g-1") {
		t.Error("a deleted group grants models")
	}
	d.Put(&policy.AccessGroup{ID: "g-1", Name: "again", Models: []string{"gpt-4"}})
	d.Replace(policy.NewDirectory(nil, nil))
	d.Put(&c.user)
	if allowed(d, "again") || allowed(d, "g-1") {
		t.Error("a group that is gone grants models")
	}
}

// What is not in the directory that replaces it is gone; settings stay.
func TestReplace(t *testing.T) {
	c := newCompany()
	c.member = &policy.Membership{}
	d := c.directory()
	fresh := policy.NewDirectory(nil, nil)
	fresh.Put(&c.key)
	d.Replace(fresh)
	if g := mustResolve(t, d); g.Team != nil || g.User != nil || g.Member != nil || g.Settings == nil {
		t.Errorf("%+v, want a key alone", g)
	}
	d.All(func(e policy.Entity) bool {
		if e.Ref().Kind != policy.EntityKey {
			t.Errorf("%v is still there", e.Ref())
		}
		return true
	})
	d.Replace(policy.NewDirectory(nil, nil))
	if _, ok := d.Resolve(c.key.Hash); ok {
		t.Error("a key that is gone resolves: it was asked for before")
	}
}

// Readers and writers side by side: for the race detector.
func TestDirectoryTogether(t *testing.T) {
	c := newCompany()
	d := c.directory()
	var all sync.WaitGroup
	for w := range 4 {
		all.Go(func() {
			for i := range 200 {
				switch w {
				case 0:
					k := c.key
					k.Alias = fmt.Sprint(i)
					d.Put(&k)
				case 1:
					d.Put(&policy.User{ID: fmt.Sprint(i)})
					d.Delete(policy.Ref{Kind: policy.EntityUser, ID: fmt.Sprint(i)})
				case 2:
					d.SetSettings(c.settings.Compile())
					d.SetCatalog(policy.NewCatalog(c.models, nil))
					d.SetRevision(int64(i))
				default:
					if dec := policy.Decide(mustResolve(t, d), call(), now); dec.Refusal != nil {
						t.Error(dec.Refusal)
						return
					}
				}
			}
		})
	}
	all.Wait()
	if d.Revision() != 199 {
		t.Errorf("revision %d", d.Revision())
	}
}
