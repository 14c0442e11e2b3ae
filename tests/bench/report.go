package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
)

// contender is a runtime that is measured.
type contender struct {
	Name    string `json:"name"`
	Path    string `json:"-"` // says something of one machine alone
	Version string `json:"version"`
}

// result is the numbers of one runtime for one operation. Times are in milliseconds, memory in KiB.
type result struct {
	View    string  `json:"view"`
	Spec    string  `json:"spec"`
	Op      string  `json:"op"`
	Runtime string  `json:"runtime"`
	N       int     `json:"n"`
	Median  float64 `json:"median"`
	P95     float64 `json:"p95"`
	P99     float64 `json:"p99"`
	Min     float64 `json:"min"`
	Faults  float64 `json:"faults_median,omitempty"`
	CPU     float64 `json:"cpu_median,omitempty"`
	MaxRSS  float64 `json:"maxrss_median_kib,omitempty"`
	Why     string  `json:"why,omitempty"` // there are no numbers because of this
}

// report is everything one run of the benchmark has found.
type report struct {
	Kernel    string      `json:"kernel"`
	CPUs      int         `json:"cpus"`
	Rounds    int         `json:"rounds"`
	Contender []contender `json:"runtimes"`
	Results   []result    `json:"results"`
}

// keep writes all that was found to a directory.
func (r *report) keep(dir string, tables []byte, views, specs []string) error {
	numbers, err := json.MarshalIndent(r, "", "\t")
	if err != nil {
		return err
	}
	files := map[string][]byte{"results.txt": tables, "results.json": append(numbers, '\n')}
	for _, view := range views {
		files[view+".svg"] = r.plot(view, specs)
	}
	for name, b := range files {
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// quantile is the smallest value that the share q of the values is not above.
func quantile(values []float64, q float64) float64 {
	if len(values) == 0 {
		return 0
	}
	v := slices.Clone(values)
	slices.Sort(v)
	i := min(int(q*float64(len(v))), len(v)-1)
	if q == .5 && len(v)%2 == 0 {
		return (v[i-1] + v[i]) / 2
	}
	return v[i]
}

// results turns what was measured into numbers.
func (b *bench) results(view, spec string, o *options) []result {
	base := result{View: view, Spec: spec, Runtime: b.rt.Name}
	if b.broken != nil {
		base.Op, base.Why = "run", b.broken.Error()
		return []result{base}
	}
	column := func(op string, f func(sample) float64) (v []float64) {
		for _, s := range b.samples[op] {
			v = append(v, f(s))
		}
		return v
	}
	var list []result
	add := func(op string, v []float64) *result {
		r := base
		r.Op, r.N, r.Median, r.P95, r.P99 = op, len(v), quantile(v, .5), quantile(v, .95), quantile(v, .99)
		if len(v) > 0 {
			r.Min = slices.Min(v)
		}
		list = append(list, r)
		return &list[len(list)-1]
	}
	for _, op := range append(append(opNames[:], tailOp(o.tails)), heldOps(o.held)...) {
		if len(b.samples[op]) == 0 {
			continue
		}
		r := add(op, column(op, func(s sample) float64 { return s.wall }))
		r.CPU = quantile(column(op, func(s sample) float64 { return s.cpu }), .5)
		r.MaxRSS = quantile(column(op, func(s sample) float64 { return s.maxrss }), .5)
		r.Faults = quantile(column(op, func(s sample) float64 { return s.faults }), .5)
	}
	batch := func(op string, list []sample) {
		var wall, cpu []float64
		for _, s := range list {
			wall, cpu = append(wall, s.wall), append(cpu, s.cpu)
		}
		if len(list) > 0 {
			add(op, wall).CPU = quantile(cpu, .5)
			add(op+": processor", cpu)
		}
	}
	batch(fmt.Sprintf("%d runs at once", o.many), b.together)
	batch(fmt.Sprintf("%d runs in a row", rowRuns), b.row)
	if len(b.pss) > 0 {
		add("waiting init, KiB", b.pss)
	}
	return list
}

// find is the result of that runtime, nil if it has none.
func (r *report) find(view, spec, op, runtime string) *result {
	for i := range r.Results {
		if x := &r.Results[i]; x.View == view && x.Spec == spec && x.Op == op && x.Runtime == runtime {
			return x
		}
	}
	return nil
}

// print writes one table for a view and a spec: medians with the 95th percentile, and how many times the first
// runtime's median that is.
func (r *report) print(w io.Writer, view, spec string) {
	first := r.Contender[0].Name
	fmt.Fprintf(w, "\ncgroup %s, %s spec: median (95th percentile), ×: %s = 1.00\n\n", view, spec, first)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	line := func(cells ...string) { fmt.Fprintln(t, strings.Join(cells, "\t")+"\t") }
	head := []string{"ms"}
	contenders := r.Contender
	if r.find(view, spec, "run", floorName) != nil {
		contenders = append(slices.Clone(contenders), contender{Name: floorName})
	}
	for _, c := range contenders {
		head = append(head, c.Name, "")
	}
	line(head...)
	var ops []string
	for i := range r.Results {
		if x := &r.Results[i]; x.View == view && x.Spec == spec && x.Why == "" && !slices.Contains(ops, x.Op) {
			ops = append(ops, x.Op)
		}
	}
	row := func(label, op, format string, value func(*result) (float64, float64)) {
		cells := []string{label}
		own := r.find(view, spec, op, first)
		for i, c := range contenders {
			x := r.find(view, spec, op, c.Name)
			switch {
			case x == nil && c.Name == floorName:
				cells = append(cells, "", "")
				continue
			case x == nil || x.Why != "":
				cells = append(cells, "n/a", "")
				continue
			}
			v, tail := value(x)
			text, share := fmt.Sprintf(format, v), ""
			if tail > 0 {
				text += fmt.Sprintf(" ("+format+")", tail)
			}
			if i == 0 || own == nil || own.Why != "" {
				cells = append(cells, text, share)
				continue
			}
			if mine, _ := value(own); mine > 0 {
				share = "×" + strconv.FormatFloat(v/mine, 'f', 2, 64)
			}
			cells = append(cells, text, share)
		}
		line(cells...)
	}
	for _, op := range ops {
		format := "%.2f"
		if strings.HasSuffix(op, "KiB") {
			format = "%.0f"
		}
		row(op, op, format, func(x *result) (float64, float64) { return x.Median, x.P95 })
	}
	row("run: processor", "run", "%.2f", func(x *result) (float64, float64) { return x.CPU, 0 })
	row("create: processor", "create", "%.2f", func(x *result) (float64, float64) { return x.CPU, 0 })
	row("run: peak KiB", "run", "%.0f", func(x *result) (float64, float64) { return x.MaxRSS, 0 })
	row("run: page faults", "run", "%.0f", func(x *result) (float64, float64) { return x.Faults, 0 })
	tails := "run"
	for _, op := range ops {
		if strings.HasPrefix(op, tailPrefix) {
			tails = op
		}
	}
	row(tails+": 99th percentile", tails, "%.2f", func(x *result) (float64, float64) { return x.P99, 0 })
	t.Flush()
	for _, c := range r.Contender {
		if x := r.find(view, spec, "run", c.Name); x != nil && x.Why != "" {
			fmt.Fprintf(w, "%s: n/a: %s\n", c.Name, x.Why)
		}
	}
}

// printTight writes who runs within limits that are tight.
func (r *report) printTight(w io.Writer, view string) {
	for _, t := range tight {
		said := ""
		for _, c := range r.Contender {
			x := r.find(view, "", t.name, c.Name)
			switch {
			case x == nil:
			case x.Why == "":
				said += fmt.Sprintf("; %s: %d of %[2]d run", c.Name, x.N)
			default:
				said += fmt.Sprintf("; %s: %s", c.Name, strings.TrimPrefix(x.Why, c.Name+" "))
			}
		}
		if said != "" {
			fmt.Fprintf(w, "\n%s: %s\n", t.name, said[2:])
		}
	}
}
