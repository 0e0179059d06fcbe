package config

import (
	"fmt"
	"strings"
)

// described is a section as the reference shows it.
type described struct {
	title string
	rows  []row
}

type row struct {
	name, as, help string
	does           disposition
}

// sections lists every table. It is set here rather than where it is declared,
// as the tables' own functions look names up in it.
var sections func() []described

func init() {
	sections = func() []described {
		return []described{
			{"the top of the file", rows(topTable)},
			{"model_list[]", rows(entryTable)},
			{"model_list[].litellm_params", rows(paramsTable)},
			{"model_list[].model_info", rows(infoTable)},
			{"general_settings", rows(generalTable)},
			{"litellm_settings", rows(litellmTable)},
			{"router_settings", rows(routerTable)},
		}
	}
}

func rows[Into any](t table[Into]) []row {
	all := make([]row, len(t))
	for i, s := range t {
		all[i] = row{s.name, s.as, s.help, s.does}
	}
	return all
}

// Reference is the documentation of every setting, in Markdown.
func Reference() string {
	var b strings.Builder
	for _, s := range sections() {
		fmt.Fprintf(&b, "### %s\n\n| setting | value | what it does |\n|---|---|---|\n", s.title)
		for _, r := range s.rows {
			if r.does == applies {
				fmt.Fprintf(&b, "| `%s` | %s | %s |\n", r.name, cell(r.as), cell(r.help))
			}
		}
		if strings.HasSuffix(s.title, "litellm_params") {
			fmt.Fprintf(&b, "| `%s`, … | dollars per unit | the model's price, here or in model_info, by the names of LiteLLM's price map, with its endings `_above_200k_tokens`, `_priority` and `_flex` |\n", strings.Join(priceNames[:4], "`, `"))
		}
		for _, fate := range []struct {
			does  disposition
			title string
		}{
			{refused, "Stops the start, as nothing here enforces it"},
			{needless, "Not needed"},
			{ignored, "Read and ignored, with a warning"},
		} {
			fates(&b, s.rows, fate.does, fate.title)
		}
		b.WriteString("\n")
	}
	return b.String()
}

// fates lists the settings of one fate, those with one reason together.
func fates(b *strings.Builder, rows []row, does disposition, title string) {
	var reasons []string
	names := map[string][]string{}
	for _, r := range rows {
		if r.does != does {
			continue
		}
		if names[r.help] == nil {
			reasons = append(reasons, r.help)
		}
		names[r.help] = append(names[r.help], "`"+r.name+"`")
	}
	if len(reasons) == 0 {
		return
	}
	fmt.Fprintf(b, "\n%s:\n\n", title)
	for _, reason := range reasons {
		fmt.Fprintf(b, "- %s: %s\n", strings.Join(names[reason], ", "), reason)
	}
}

func cell(text string) string { return strings.ReplaceAll(text, "|", "\\|") }
