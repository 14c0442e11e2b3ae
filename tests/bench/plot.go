package main

import (
	"bytes"
	"fmt"
	"html"
)

// colours of the contenders, in their order; the floor is grey.
var colours = []string{"#2a7de1", "#e08a2a", "#8a5bc0", "#3aa17e", "#c04a5b"}

// plot draws the medians of one view: a group of bars for each operation, a column for each config. It is an SVG picture
// with nothing in it that has to be fetched.
func (r *report) plot(view string, specs []string) []byte {
	const (
		left, bar, gap, width, head = 190, 13, 12, 640, 64
	)
	ops := []string{"run", "create", "start", "exec", "state", "kill", "delete"}
	var b bytes.Buffer
	y := head
	var body bytes.Buffer
	for _, spec := range specs {
		longest := 0.0
		for _, op := range ops {
			for _, c := range r.Contender {
				if x := r.find(view, spec, op, c.Name); x != nil && x.Why == "" {
					longest = max(longest, x.Median)
				}
			}
		}
		if longest == 0 {
			continue
		}
		fmt.Fprintf(&body, `<text x="12" y="%d" class="spec">%s spec</text>`+"\n", y+12, html.EscapeString(spec))
		y += 22
		draw := func(x *result, colour string, first bool, op string) {
			if first {
				fmt.Fprintf(&body, `<text x="%d" y="%d" text-anchor="end">%s</text>`+"\n", left-8, y+bar-2, html.EscapeString(op))
			}
			w := x.Median / longest * width
			fmt.Fprintf(&body, `<rect x="%d" y="%d" width="%.1f" height="%d" fill="%s"/><text x="%.1f" y="%d" class="n">%.2f</text>`+"\n", left, y, w, bar-1, colour, left+w+5, y+bar-2, x.Median)
			y += bar
		}
		for _, op := range ops {
			first := true
			for i, c := range r.Contender {
				if x := r.find(view, spec, op, c.Name); x != nil && x.Why == "" {
					draw(x, colours[i%len(colours)], first, op)
					first = false
				}
			}
			if x := r.find(view, spec, op, floorName); x != nil {
				draw(x, "#999", false, op)
			}
			y += gap / 2
		}
		y += gap
	}
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" font-family="sans-serif" font-size="12">`+"\n", left+width+70, y+8)
	b.WriteString("<style>.spec{font-weight:bold}.n{fill:#555;font-size:10px}</style>\n")
	fmt.Fprintf(&b, `<rect width="100%%" height="100%%" fill="#fff"/><text x="12" y="22" font-size="15" font-weight="bold">cgroup %s, median in ms, the runtimes alternating in one run (Linux %s, %d CPUs)</text>`+"\n", view, html.EscapeString(r.Kernel), r.CPUs)
	x := 12
	for i, c := range r.Contender {
		label := c.Name + ": " + c.Version
		fmt.Fprintf(&b, `<rect x="%d" y="34" width="12" height="12" fill="%s"/><text x="%d" y="45">%s</text>`+"\n", x, colours[i%len(colours)], x+18, html.EscapeString(label))
		x += 40 + 7*len(label)
	}
	fmt.Fprintf(&b, `<rect x="%d" y="34" width="12" height="12" fill="#999"/><text x="%d" y="45">floor: the kernel's own</text>`+"\n", x, x+18)
	b.Write(body.Bytes())
	b.WriteString("</svg>\n")
	return b.Bytes()
}
