package trace

import (
	"io"
	"strconv"
	"strings"
)

// The page has no script and loads nothing: what is in a trace can be a
// container's, and the policy holds it even where the escaping does not.
const pageHead = `<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width">
<title>rung trace</title>
<style>
:root{color-scheme:light dark;--ink:#1c2430;--dim:#667;--paper:#fff;--line:#dde2ea;--call:#2f9e62;--own:#3b73d1;--hook:#b06be0;--wait:#c9d0db;--bad:#d92d20}
@media(prefers-color-scheme:dark){:root{--ink:#e6e9ef;--dim:#99a;--paper:#14181f;--line:#2b323d;--wait:#454e5c}}
body{font:13px/1.45 system-ui,sans-serif;color:var(--ink);background:var(--paper);margin:20px;min-width:760px}
h1{font-size:19px;margin:0 0 2px}h1 b{color:var(--bad)}h1 span{color:var(--call)}
p{margin:0 0 10px;color:var(--dim)}p.error{color:var(--bad);font-family:ui-monospace,monospace;overflow-wrap:anywhere}
.sums{display:flex;gap:14px;margin:8px 0 12px}.sums div{flex:1;border-left:4px solid var(--line);padding-left:8px}
.sums b{font-size:15px}.sums .kernel{border-color:var(--call)}.sums .program{border-color:var(--own)}.sums .hooks{border-color:var(--hook)}.sums .waiting{border-color:var(--wait)}
.t{border-top:1px solid var(--line);margin-bottom:34px}
summary,.axis{display:grid;grid-template-columns:64px minmax(180px,30%) 1fr 84px;gap:8px;align-items:center;height:19px;cursor:pointer;list-style:none}
summary::-webkit-details-marker{display:none}summary:hover{background:color-mix(in srgb,var(--own) 10%,transparent)}
.axis{cursor:default;color:var(--dim);height:22px}.who{color:var(--dim);overflow:hidden;text-overflow:ellipsis}
.name{font-family:ui-monospace,monospace;white-space:nowrap;overflow:hidden;text-overflow:ellipsis}
.lane{position:relative;height:100%;background:repeating-linear-gradient(90deg,var(--line) 0 1px,transparent 1px 10%)}
.lane i{position:absolute;top:3px;bottom:3px;min-width:2px;border-radius:2px;background:var(--own)}
.call .lane i{background:var(--call)}.hook .lane i{background:var(--hook)}.wait .lane i{background:var(--wait)}.command .lane i{background:var(--ink);opacity:.35}
.failed .lane i{background:var(--bad)}.failed .name{color:var(--bad);font-weight:bold}
.lane span{position:absolute;transform:translateX(-50%)}.lane span:first-child{transform:none}.lane span:last-child{transform:translateX(-100%)}
.ms{text-align:right;font-variant-numeric:tabular-nums}
dl{margin:2px 0 8px 72px;display:grid;grid-template-columns:max-content 1fr;gap:1px 12px}dt{color:var(--dim)}
dd{margin:0;font-family:ui-monospace,monospace;white-space:pre-wrap;overflow-wrap:anywhere}
</style></head><body>
`

// Page writes the commands as one HTML page: a timeline of each, with all that is
// known of a step behind it.
func Page(runs []Run, w io.Writer) error {
	b := []byte(pageHead)
	for i := range runs {
		b = runs[i].appendPage(b)
	}
	b = append(b, "</body></html>\n"...)
	_, err := w.Write(b)
	return err
}

func (r *Run) appendPage(b []byte) []byte {
	c := &r.Command
	b = append(b, "<section><h1>rung "+escape(c.Name)+" &middot; "+Milliseconds(c.Length)+" ms &middot; "...)
	if c.Failed() {
		b = append(b, "<b>failed</b></h1>\n<p class=\"error\">"+escape(c.Arg("error"))+"</p>\n"...)
	} else {
		b = append(b, "<span>ok</span></h1>\n"...)
	}
	b = append(b, "<p>process "+strconv.Itoa(c.Pid)+", trace "+escape(c.Arg("trace_id"))+"</p>\n<div class=\"sums\">"...)
	for _, s := range r.Sums() {
		b = append(b, "<div class=\""+s.Name+"\"><b>"+Milliseconds(s.Time)+" ms</b> "+r.Share(s.Time)+" %<br>"+s.Name+": "+escape(s.What)+"</div>"...)
	}
	b = append(b, "</div>\n<div class=\"t\"><div class=\"axis\"><span></span><span></span><span class=\"lane\">"...)
	const ticks = 5
	for i := range ticks + 1 {
		b = append(b, "<span style=\"left:"+strconv.Itoa(100*i/ticks)+"%\">"+strconv.FormatFloat(float64(c.Length)*float64(i)/ticks/1e6, 'f', 1, 64)+"</span>"...)
	}
	b = append(b, "</span><span class=\"ms\">ms</span></div>\n"...)
	for i := range r.Steps {
		b = r.appendRow(b, &r.Steps[i])
	}
	return append(b, "</div></section>\n"...)
}

func (r *Run) appendRow(b []byte, e *Event) []byte {
	class := "own"
	switch e.Category {
	case Call, Hook, Wait, Command: // nothing but these words becomes part of the markup
		class = e.Category
	}
	if e.Failed() {
		class += " failed"
	}
	b = append(b, "<details class=\""+class+"\"><summary><span class=\"who\">"+escape(r.Names[e.Pid])+"</span><span class=\"name\" style=\"padding-left:"+strconv.Itoa(12*e.Depth)+"px\">"+escape(e.Title())+"</span>"...)
	b = append(b, "<span class=\"lane\"><i style=\"left:"+r.percent(e.Start-r.Command.Start)+"%;width:"+r.percent(e.Length)+"%\"></i></span>"...)
	b = append(b, "<span class=\"ms\">"+Milliseconds(e.Length)+"</span></summary><dl>"...)
	for _, a := range e.Args {
		b = append(b, "<dt>"+escape(a.Key)+"</dt><dd>"+escape(a.Value)+"</dd>"...)
	}
	return append(b, "</dl></details>\n"...)
}

func (r *Run) percent(ns int64) string {
	if r.Command.Length == 0 {
		return "0"
	}
	return strconv.FormatFloat(100*float64(ns)/float64(r.Command.Length), 'f', 3, 64)
}

func escape(s string) string {
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&#34;", "'", "&#39;", "\x00", "\ufffd").Replace(s)
}
