package check

import (
	"bufio"
	"bytes"
	"errors"
	"flag"
	"io"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"helm.sh/helm/v3/pkg/chart"
	"helm.sh/helm/v3/pkg/chart/loader"
	"helm.sh/helm/v3/pkg/chartutil"
	"helm.sh/helm/v3/pkg/engine"
	"helm.sh/helm/v3/pkg/lint"
	"helm.sh/helm/v3/pkg/lint/support"
	"helm.sh/helm/v3/pkg/releaseutil"
	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/client-go/kubernetes/scheme"
	sigsyaml "sigs.k8s.io/yaml"

	monitoringv1 "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
)

var update = flag.Bool("update", false, "write manifests.yaml anew")

const dir = "../purser"

func load(t *testing.T) *chart.Chart {
	t.Helper()
	c, err := loader.Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func values(t *testing.T, text string) map[string]any {
	t.Helper()
	v, err := chartutil.ReadValues([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// render is `helm template purser --namespace purser`.
func render(t *testing.T, text string) (string, error) {
	t.Helper()
	c := load(t)
	all, err := chartutil.ToRenderValues(c, values(t, text), chartutil.ReleaseOptions{Name: "purser", Namespace: "purser", Revision: 1, IsInstall: true}, chartutil.DefaultCapabilities)
	if err != nil {
		return "", err
	}
	files, err := engine.Render(c, all)
	if err != nil {
		return "", err
	}
	hooks, manifests, err := releaseutil.SortManifests(files, nil, releaseutil.InstallOrder)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	for _, h := range hooks {
		b.WriteString("---\n" + h.Manifest + "\n")
	}
	for _, m := range manifests {
		b.WriteString("---\n" + m.Content + "\n")
	}
	return b.String(), nil
}

// objects reads manifests strictly: no field that the API does not have, none of
// another type.
func objects(t *testing.T, text string) []runtime.Object {
	t.Helper()
	s := runtime.NewScheme()
	if err := errors.Join(scheme.AddToScheme(s), monitoringv1.AddToScheme(s)); err != nil {
		t.Fatal(err)
	}
	decoder := serializer.NewCodecFactory(s, serializer.EnableStrict).UniversalDeserializer()
	var out []runtime.Object
	names := map[string]bool{}
	documents := yaml.NewYAMLReader(bufio.NewReader(strings.NewReader(text)))
	for {
		doc, err := documents.Read()
		if errors.Is(err, io.EOF) {
			return out
		}
		if err != nil {
			t.Fatal(err)
		}
		if len(bytes.TrimSpace(doc)) == 0 {
			continue
		}
		o, kind, err := decoder.Decode(doc, nil, nil)
		if err != nil {
			t.Fatalf("%v in\n%s", err, doc)
		}
		name := kind.Kind + "/" + o.(metav1.Object).GetName()
		if names[name] {
			t.Errorf("%s is there twice", name)
		}
		names[name] = true
		out = append(out, o)
	}
}

const (
	existing = "secret: {existing: purser}\n"
	ours     = "secret: {masterKey: sk-1, saltKey: salt, databaseURL: 'postgres://u:p@db/purser', redisURL: 'redis://r:6379/0', env: {OPENAI_API_KEY: k}}\n"
)

// variants are the values that everything is checked with.
var variants = map[string]string{
	"plain":      existing,
	"our secret": ours,
	"everything": ours + `
config: |
  model_list:
  - {model_name: gpt, litellm_params: {model: openai/gpt-4o, api_key: os.environ/OPENAI_API_KEY}}
image: {repository: registry.example/purser, tag: v1, pullSecrets: [pull]}
environment: {ENFORCEMENT: enforce, REDIS_DOWN: deny}
extproc:
  environment: {LOG_LEVEL: debug}
  drainDelaySeconds: 7
  autoscaling: {enabled: true, maxReplicas: 4}
  spool: {persistent: true, storageClass: fast}
  podDisruptionBudget: {maxUnavailable: null, minAvailable: 1}
  annotations: {sidecar.istio.io/inject: "true"}
  labels: {team: platform}
  nodeSelector: {pool: mesh}
  tolerations: [{key: mesh, operator: Exists}]
  affinity: {nodeAffinity: {requiredDuringSchedulingIgnoredDuringExecution: {nodeSelectorTerms: [{matchExpressions: [{key: a, operator: Exists}]}]}}}
adminsvc:
  xds: {enabled: true, tlsSecret: xds-tls}
  nodeSelector: {pool: mesh}
serviceAccount: {annotations: {a: b}}
serviceMonitor: {enabled: true, labels: {release: prometheus}}
prometheusRule: {enabled: true}
dashboard: {enabled: true}
`,
	"nothing more than needed": existing + `
existingConfigMap: mine
migration: {enabled: false}
serviceAccount: {create: false}
networkPolicy: {enabled: false}
adminsvc: {xds: {enabled: true, insecure: true}}
`,
}

func TestLint(t *testing.T) {
	for name, text := range variants {
		t.Run(name, func(t *testing.T) {
			for _, m := range lint.All(dir, values(t, text), "purser", true).Messages {
				if m.Severity > support.InfoSev {
					t.Error(m)
				}
			}
		})
	}
}

func TestPlainManifestsAreTheCharts(t *testing.T) {
	text, err := render(t, existing)
	if err != nil {
		t.Fatal(err)
	}
	text = "# `helm template purser deploy/helm/purser --namespace purser --set secret.existing=purser`, by `go test ./... -update` in\n" +
		"# deploy/helm/check. For who has no Helm: put config.yaml's models into the ConfigMap, make the Secret \"purser\", apply the Job first.\n" + text
	const file = "../manifests.yaml"
	if *update {
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	have, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if string(have) != text {
		t.Errorf("%s is not what the chart says: go test ./... -update in deploy/helm/check", file)
	}
}

// pods are the templates of what runs, by name.
func pods(all []runtime.Object) map[string]corev1.PodTemplateSpec {
	out := map[string]corev1.PodTemplateSpec{}
	for _, o := range all {
		switch o := o.(type) {
		case *appsv1.Deployment:
			out[o.Name] = o.Spec.Template
		case *appsv1.StatefulSet:
			out[o.Name] = o.Spec.Template
		case *batchv1.Job:
			out[o.Name] = o.Spec.Template
		}
	}
	return out
}

// known are the variables that the programs read; what both are given, one may ignore.
func known(t *testing.T) map[string]bool {
	t.Helper()
	found := map[string]bool{"GOMEMLIMIT": true} // Go's own
	for _, program := range []string{"extproc", "adminsvc"} {
		text, err := os.ReadFile(filepath.Join("../../../cmd", program, "config.go"))
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile("`env:\"([A-Z0-9_]+)").FindAllSubmatch(text, -1) {
			found[string(m[1])] = true
		}
	}
	return found
}

func TestWhatIsRenderedFitsTogether(t *testing.T) {
	for name, text := range variants {
		t.Run(name, func(t *testing.T) {
			rendered, err := render(t, text)
			if err != nil {
				t.Fatal(err)
			}
			all := objects(t, rendered)
			templates := pods(all)
			kinds := map[string]int{}
			for _, o := range all {
				kinds[o.GetObjectKind().GroupVersionKind().Kind]++
				var selector map[string]string
				switch o := o.(type) {
				case *corev1.Service:
					selector = o.Spec.Selector
					for _, p := range o.Spec.Ports {
						if !hasPort(templates[strings.TrimSuffix(o.Name, "-pods")], p.TargetPort.StrVal) {
							t.Errorf("service %s: no container port %s", o.Name, p.TargetPort.StrVal)
						}
					}
				case *appsv1.Deployment:
					selector = o.Spec.Selector.MatchLabels
				case *appsv1.StatefulSet:
					selector = o.Spec.Selector.MatchLabels
				case *policyv1.PodDisruptionBudget:
					selector = o.Spec.Selector.MatchLabels
				case *networkingv1.NetworkPolicy:
					selector = o.Spec.PodSelector.MatchLabels
					for _, rule := range o.Spec.Ingress {
						for _, p := range rule.Ports {
							if !hasPort(templates[o.Name], p.Port.StrVal) {
								t.Errorf("policy %s: no container port %s", o.Name, p.Port)
							}
						}
					}
				default:
					continue
				}
				name := strings.TrimSuffix(o.(metav1.Object).GetName(), "-pods")
				template, ok := templates[name]
				if !ok || !labels.SelectorFromSet(selector).Matches(labels.Set(template.Labels)) {
					t.Errorf("%s: its selector %v is not that of the pods of its name", name, selector)
				}
			}
			if name == "everything" {
				for _, kind := range []string{"Service", "StatefulSet", "Deployment", "Job", "Secret", "ConfigMap", "HorizontalPodAutoscaler",
					"PodDisruptionBudget", "NetworkPolicy", "ServiceAccount", "ServiceMonitor", "PrometheusRule"} {
					if kinds[kind] == 0 {
						t.Errorf("no %s among %v", kind, slices.Sorted(maps.Keys(kinds)))
					}
				}
			}
			for name, template := range templates {
				checkPod(t, name, template)
			}
		})
	}
}

func hasPort(pod corev1.PodTemplateSpec, name string) bool {
	return slices.ContainsFunc(pod.Spec.Containers, func(c corev1.Container) bool {
		return slices.ContainsFunc(c.Ports, func(p corev1.ContainerPort) bool { return p.Name == name })
	})
}

func checkPod(t *testing.T, name string, pod corev1.PodTemplateSpec) {
	t.Helper()
	if c := pod.Spec.SecurityContext; c == nil || c.RunAsNonRoot == nil || !*c.RunAsNonRoot || c.SeccompProfile == nil {
		t.Errorf("%s: does not have to run as somebody else than root", name)
	}
	if a := pod.Spec.AutomountServiceAccountToken; a == nil || *a {
		t.Errorf("%s: is given a token of the API it has no use for", name)
	}
	volumes := map[string]bool{}
	for _, v := range pod.Spec.Volumes {
		volumes[v.Name] = true
	}
	for _, c := range pod.Spec.Containers {
		s := c.SecurityContext
		if s == nil || s.ReadOnlyRootFilesystem == nil || !*s.ReadOnlyRootFilesystem || s.AllowPrivilegeEscalation == nil || *s.AllowPrivilegeEscalation {
			t.Errorf("%s: may write where it should not, or become more than it is", name)
		}
		if c.Resources.Limits.Memory().IsZero() || c.Resources.Requests.Cpu().IsZero() {
			t.Errorf("%s: no memory limit, or no CPU asked for", name)
		}
		if c.Name == "migrate" {
			continue
		}
		reads := known(t)
		env := map[string]string{}
		for _, e := range c.Env {
			if _, twice := env[e.Name]; twice || !reads[e.Name] {
				t.Errorf("%s: %s is set twice, or nobody reads it", name, e.Name)
			}
			env[e.Name] = e.Value
		}
		for _, probe := range []*corev1.Probe{c.StartupProbe, c.ReadinessProbe, c.LivenessProbe} {
			if probe == nil || probe.HTTPGet == nil || !hasPort(pod, probe.HTTPGet.Port.StrVal) {
				t.Errorf("%s: a probe is missing, or asks at no port", name)
			}
		}
		drain := seconds(t, env["DRAIN_TIMEOUT"]) + seconds(t, env["DRAIN_DELAY"])
		if grace := pod.Spec.TerminationGracePeriodSeconds; drain == 0 || grace == nil || *grace <= drain {
			t.Errorf("%s: killed before it has drained for %d s", name, drain)
		}
		if c.Name == "extproc" {
			volumes["spool"] = true // a claim's, where it is none of the pod's
		}
		for _, m := range c.VolumeMounts {
			if !volumes[m.Name] {
				t.Errorf("%s: no volume %s", name, m.Name)
			}
		}
	}
}

func seconds(t *testing.T, text string) int64 {
	t.Helper()
	if text == "" {
		return 0
	}
	var n int64
	for _, c := range strings.TrimSuffix(text, "s") {
		if c < '0' || c > '9' {
			t.Fatalf("%q are no seconds", text)
		}
		n = 10*n + int64(c-'0')
	}
	return n
}

func TestWhatCannotWorkIsRefused(t *testing.T) {
	for _, tt := range []struct{ name, values, want string }{
		{"no master key", "secret: {databaseURL: 'postgres://d/p'}", "secret.masterKey is needed"},
		{"no database", "secret: {masterKey: sk-1}", "secret.databaseURL is needed"},
		{"several extprocs that count alone", "secret: {masterKey: sk-1, databaseURL: 'postgres://d/p'}", "needs secret.redisURL"},
		{"scaling of what counts alone", "extproc: {replicas: 1, autoscaling: {enabled: true}}\nsecret: {masterKey: sk-1, databaseURL: 'postgres://d/p'}", "needs secret.redisURL"},
		{"credentials in plain text", existing + "adminsvc: {xds: {enabled: true}}", "adminsvc.xds carries providers' credentials"},
		{"a value nobody reads", existing + "extproc: {replica: 3}", "replica"},
		{"a master key of another form", "secret: {masterKey: 1234, databaseURL: 'postgres://d/p'}", "masterKey"},
		{"a database of another kind", "secret: {masterKey: sk-1, databaseURL: 'mysql://d/p'}", "databaseURL"},
		{"no replica", existing + "extproc: {replicas: 0}", "replicas"},
		{"what is no variable", existing + "environment: {'a b': c}", "'a b' does not match"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := render(t, tt.values)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want it to say %q", err, tt.want)
			}
		})
	}
}

func TestOneExtprocNeedsNoRedis(t *testing.T) {
	if _, err := render(t, "extproc: {replicas: 1}\nsecret: {masterKey: sk-1, databaseURL: 'postgres://d/p'}"); err != nil {
		t.Error(err)
	}
}

// Every value has a line in the schema, which refuses what it does not know.
func TestTheSchemaKnowsTheDefaults(t *testing.T) {
	c := load(t)
	var schema any
	if err := sigsyaml.Unmarshal(c.Schema, &schema); err != nil {
		t.Fatal(err)
	}
	var walk func(path string, value, schema any)
	walk = func(path string, value, schema any) {
		of, ok := schema.(map[string]any)
		if !ok {
			t.Errorf("%s: not in values.schema.json", path)
			return
		}
		fields, _ := value.(map[string]any)
		properties, _ := of["properties"].(map[string]any)
		if properties == nil {
			return
		}
		for name, v := range fields {
			walk(path+"."+name, v, properties[name])
		}
	}
	walk("", c.Values, schema)
}
