package integration

import (
	"bytes"
	"cmp"
	"image"
	"image/color"
	"image/png"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
)

// browse has a browser open the page, without a network, and gives the document as it then is and what it looks like.
func browse(t *testing.T, page string, width, height int) (dom string, picture image.Image) {
	t.Helper()
	dir := t.TempDir()
	shot := filepath.Join(dir, "page.png")
	look := func(option string) string {
		cmd := exec.Command("chromium", "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--enable-logging=stderr",
			"--host-resolver-rules=MAP * ~NOTFOUND", "--user-data-dir="+dir, "--window-size="+itoa(width)+","+itoa(height), option, "file://"+page)
		cmd.Env = append(os.Environ(), "HOME="+dir)
		var out, log bytes.Buffer
		cmd.Stdout, cmd.Stderr = &out, &log
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		if r := waitFor(t, cmd); r.Exit != 0 {
			t.Fatalf("chromium %s: exit status %d\n%s", option, r.Exit, log.String())
		}
		for line := range strings.Lines(log.String()) {
			if strings.Contains(line, "CONSOLE") {
				t.Errorf("the browser complains: %s", line)
			}
		}
		return out.String()
	}
	dom = look("--dump-dom")
	look("--screenshot=" + shot)
	f, err := os.Open(shot)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if picture, err = png.Decode(f); err != nil {
		t.Fatal(err)
	}
	return dom, picture
}

// bars counts the pixels of a colour in the part of the picture where the timeline is.
func bars(picture image.Image, c color.RGBA) (n int) {
	b := picture.Bounds()
	for y := b.Min.Y + b.Dy()/5; y < b.Max.Y; y++ {
		for x := b.Min.X + b.Dx()*2/5; x < b.Max.X-100; x++ {
			r, g, bl, _ := picture.At(x, y).RGBA()
			if c == (color.RGBA{uint8(r >> 8), uint8(g >> 8), uint8(bl >> 8), 255}) {
				n++
			}
		}
	}
	return n
}

// The page in a real browser. RUNG_TRACE_PICTURE names a file to keep what it looks like: the README's.
func TestTracePage_in_a_browser(t *testing.T) {
	t.Parallel()
	requires(t, "rt:rung", "command:chromium")
	b := newBundle(t)
	addHook(b.Spec, "createRuntime", b.probeHook("createRuntime", "hook.out", "--echo", "network is up"))
	file := b.tracing()
	parseProbe(t, b.run().Stdout)
	page := filepath.Join(b.Dir, "page.html")
	show := func(height int) (string, image.Image) {
		writeFile(t, page, b.must("trace", "--html", file).Stdout)
		return browse(t, page, 1000, height)
	}
	dom, picture := show(640)
	want(t, "rows", strings.Count(dom, "<details "), len(readTrace(t, file)))
	for name, c := range map[string]color.RGBA{
		"system calls": {0x2f, 0x9e, 0x62, 255}, "rung's own": {0x3b, 0x73, 0xd1, 255},
	} {
		if n := bars(picture, c); n < 10 {
			t.Errorf("%d pixels of bars of %s", n, name)
		}
	}
	red := color.RGBA{0xd9, 0x2d, 0x20, 255}
	want(t, "pixels of a failure", bars(picture, red), 0)
	if keep := os.Getenv("RUNG_TRACE_PICTURE"); keep != "" {
		writePNG(t, keep, picture)
	}

	// a failure shows, and so do names that would be markup; the page's own policy and its escaping hold them
	b.Spec.Hooks = nil
	withMount(specs.Mount{Destination: "/<img src=x onerror=alert(1)>", Type: "nonsensefs", Source: "none"})(b.Spec)
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	wantFailure(t, b.run())
	dom, picture = show(3000)
	want(t, "images in the document", strings.Count(dom, "<img"), 0)
	want(t, "rows", strings.Count(dom, "<details "), len(readTrace(t, file)))
	if n := strings.Count(dom, " failed\""); n < 2 {
		t.Errorf("%d rows are marked as failed", n)
	}
	if n := bars(picture, red); n < 10 {
		t.Errorf("%d pixels of a failure", n)
	}
}

// writePNG keeps a picture with the 256 colours that are most of it: a page has hardly more.
func writePNG(t *testing.T, path string, picture image.Image) {
	t.Helper()
	count := map[color.RGBA]int{}
	b := picture.Bounds()
	at := func(x, y int) color.RGBA {
		r, g, bl, _ := picture.At(x, y).RGBA()
		return color.RGBA{uint8(r >> 8), uint8(g >> 8), uint8(bl >> 8), 255}
	}
	for y := b.Min.Y; y < b.Max.Y; y++ {
		for x := b.Min.X; x < b.Max.X; x++ {
			count[at(x, y)]++
		}
	}
	var colours []color.RGBA
	for c := range count {
		colours = append(colours, c)
	}
	slices.SortFunc(colours, func(a, b color.RGBA) int { return cmp.Compare(count[b], count[a]) })
	var palette color.Palette
	for _, c := range colours[:min(len(colours), 64)] {
		palette = append(palette, c)
	}
	small := image.NewPaletted(b, palette)
	for y := b.Min.Y; y < b.Max.Y; y++ {
		for x := b.Min.X; x < b.Max.X; x++ {
			small.Set(x, y, at(x, y))
		}
	}
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := (&png.Encoder{CompressionLevel: png.BestCompression}).Encode(f, small); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}
