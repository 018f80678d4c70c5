// Writes what BuildKit's Go client makes of the graphs and texts that the tests compare with.
//
//	go run . FOLDER    # tests/llb/vectors/v0.25
//
// FOLDER/tables.json holds the texts ("in") and gets Go's reading of each ("out", null: refused).
// Needs BuildKit's source as packages; README.md beside this file says where from.
package main

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"time"

	"github.com/containerd/platforms"
	"github.com/distribution/reference"
	"github.com/moby/buildkit/client/llb"
	"github.com/moby/buildkit/solver/pb"
	"github.com/moby/buildkit/util/apicaps"
	digest "github.com/opencontainers/go-digest"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"
	"google.golang.org/protobuf/proto"
)

var ctx = context.TODO()

const D = "sha256:6d9ac9237a84afe1516540f40a0fafdc86859b2141954b4d643af7066d598b74"

type row struct {
	Hex         string            `json:"hex"`
	Digest      string            `json:"digest"`
	Caps        []string          `json:"caps"`
	Description map[string]string `json:"description,omitempty"`
	IgnoreCache bool              `json:"ignore_cache,omitempty"`
	ExportCache *bool             `json:"export_cache,omitempty"`
	Group       []any             `json:"progress_group,omitempty"`
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

func write(dir, name string, st llb.State, co ...llb.ConstraintsOpt) {
	co = append([]llb.ConstraintsOpt{llb.LinuxAmd64}, co...)
	def, err := st.Marshal(ctx, co...)
	if err != nil {
		panic(fmt.Errorf("%s: %w", name, err))
	}
	p := def.ToPB()
	dt, err := proto.MarshalOptions{Deterministic: true}.Marshal(p)
	must(err)
	must(os.WriteFile(filepath.Join(dir, name+".bin"), dt, 0o644))
	rows := []row{}
	for _, op := range p.Def {
		d := digest.FromBytes(op)
		md := p.Metadata[string(d)]
		r := row{Hex: hex.EncodeToString(op), Digest: string(d)}
		if md != nil {
			for c := range md.Caps {
				r.Caps = append(r.Caps, c)
			}
			sort.Strings(r.Caps)
			r.Description = md.Description
			r.IgnoreCache = md.IgnoreCache
			if md.ExportCache != nil {
				r.ExportCache = &md.ExportCache.Value
			}
			if g := md.ProgressGroup; g != nil {
				r.Group = []any{g.Id, g.Name, g.Weak}
			}
		}
		rows = append(rows, r)
	}
	js, err := json.MarshalIndent(rows, "", " ")
	must(err)
	must(os.WriteFile(filepath.Join(dir, name+".json"), append(js, '\n'), 0o644))
}

func bb() llb.State    { return llb.Image("docker.io/library/busybox:1.36") }
func other() llb.State { return llb.Image("alpine") }

func options() llb.State {
	st := bb().Dir("work").AddEnv("A", "1").AddEnv("PATH", "/bin")
	r := st.Run(llb.Args([]string{"x", ""}), llb.AddExtraHost("db", net.ParseIP("10.0.0.1")),
		llb.AddExtraHost("six", net.ParseIP("0:0:0:0:0:0:0:1")),
		llb.AddUlimit(llb.UlimitNofile, 1024, 4096), llb.AddUlimit(llb.UlimitCore, 0, -1),
		llb.WithCgroupParent("/build"), llb.WithProxy(llb.ProxyEnv{HTTPProxy: "h", HTTPSProxy: "s", FTPProxy: "f", NoProxy: "n", AllProxy: "a"}),
		llb.ValidExitCodes(0, 3), llb.With(llb.Hostname("box"), llb.Network(llb.NetModeHost), llb.Security(llb.SecurityModeInsecure)),
		llb.AddCDIDevice(llb.CDIDeviceName("nvidia.com/gpu=all"), llb.CDIDeviceOptional), llb.AddCDIDevice(llb.CDIDeviceName("v/c=0")),
		llb.ReadonlyRootFS())
	return r.AddMount("/out", llb.Scratch())
}

func outputs() llb.State {
	r := bb().Run(llb.Args([]string{"make"}))
	z := r.AddMount("/z", llb.Scratch())
	b := r.AddMount("/b", llb.Scratch())
	r.AddMount("/quiet", other(), llb.ForceNoOutput)
	r.AddMount("/ro", other(), llb.Readonly, llb.SourcePath("/etc"))
	r.AddMount("/a-", other(), llb.Readonly, llb.ContentCache(llb.MountContentCacheOff))
	r.AddMount("/a", other(), llb.Readonly, llb.ContentCache(llb.MountContentCacheOn))
	r.AddMount("/c", llb.Scratch().File(llb.Mkdir("/cache", 0o700)), llb.AsPersistentCacheDir("id", llb.CacheMountPrivate), llb.SourcePath("/cache"))
	r.AddMount("/s", llb.Scratch(), llb.AsPersistentCacheDir("shared", llb.CacheMountShared))
	r.AddMount("/t", llb.Scratch(), llb.Tmpfs())
	r.AddMount("/é", llb.Scratch(), llb.Readonly)
	return llb.Merge([]llb.State{r.Root(), z, b})
}

func secrets() llb.State {
	dest := "/etc/token"
	return bb().Run(llb.Args([]string{"x"}),
		llb.AddSSHSocket(llb.SSHID("one")), llb.AddSSHSocket(llb.SSHID("two"), llb.SSHSocketOpt("/agent", 7, 8, 0o640)), llb.AddSSHSocket(llb.SSHID("three"), llb.SSHOptional),
		llb.AddSecretWithDest("tok", &dest, llb.SecretFileOpt(1, 2, 0o440)),
		llb.AddSecretWithDest("plain", nil, llb.SecretAsEnvName("PLAIN"), llb.SecretOptional)).Root()
}

func secretEnv() llb.State {
	return bb().Run(llb.Args([]string{"x"}), llb.AddSecretWithDest("tok", nil, llb.SecretAsEnvName("TOK"))).Root()
}

func sshPath() llb.State {
	return bb().AddEnv("Z", "1").Run(llb.Args([]string{"x"}), llb.AddSSHSocket(llb.SSHID("default"))).Root()
}

func platformsState() llb.State {
	arm := ocispecs.Platform{OS: "linux", Architecture: "arm", Variant: "v7"}
	win := ocispecs.Platform{OS: "windows", Architecture: "amd64", OSVersion: "10.0.17763", OSFeatures: []string{"win32k"}}
	a := llb.Image("a", llb.Platform(arm)).Platform(arm).Run(llb.Args([]string{"x"})).Root()
	w := llb.Image("w", llb.Platform(win))
	return a.File(llb.Copy(w, "/", "/w/"))
}

func windows() llb.State {
	win := ocispecs.Platform{OS: "windows", Architecture: "amd64"}
	return llb.Image("w", llb.Platform(win)).Platform(win).Dir("/x").Run(llb.Args([]string{"cmd"})).Root()
}

func copyAll() llb.State {
	t := time.Unix(1700000000, 5).UTC()
	mode := llb.ChmodOpt{Mode: 0o640}
	return bb().Dir("/base").File(llb.Copy(other().Dir("/data"), "in/./x*", "out/.", &llb.CopyInfo{
		Mode: &mode, FollowSymlinks: true, CopyDirContentsOnly: true, IncludePatterns: []string{"**/*.py", "a"},
		ExcludePatterns: []string{"*.pyc"}, AttemptUnpack: true, CreateDestPath: true, AllowWildcard: true, AllowEmptyWildcard: true,
		ChownOpt: &llb.ChownOpt{User: &llb.UserOpt{Name: "me"}, Group: &llb.UserOpt{Name: "us"}}, CreatedTime: &t, AlwaysReplaceExistingDestPaths: true}))
}

func fileMix() llb.State {
	t := time.Unix(0, 0).UTC()
	base := bb().Dir("/d")
	third := llb.Image("third")
	return base.File(llb.Mkdir("m", 0o1777, llb.WithParents(true), llb.WithUser("me:us"), llb.WithCreatedTime(t)).
		Copy(other(), "/a", "b/").Mkfile("../f", 0o4755, []byte{0, 255}, llb.WithUser("1000")).
		Copy(base, "/bin", "/bin2").Rm("x*", llb.WithAllowWildcard(true), llb.WithAllowNotFound(true)).
		Copy(third, ".", "/.").Symlink("../t", "/l", llb.WithUIDGID(0, 7), llb.WithCreatedTime(t)).Copy(other(), "/", "/"))
}

func fileScratch() llb.State {
	return llb.Scratch().File(llb.Mkdir("/m", 0o755, llb.WithUser("me")).Copy(bb(), "/bin", "/m/").Copy(llb.Scratch(), "/", "/y", llb.WithUser("root:me")))
}

func mergeTwice() llb.State {
	a, b := bb(), other()
	return llb.Merge([]llb.State{llb.Scratch(), a, b, a, llb.Scratch()}).Run(llb.Args([]string{"x"})).Root()
}

func imageOptions() llb.State {
	return llb.Merge([]llb.State{
		llb.Image("a", llb.ResolveModeForcePull, llb.MarkImageInternal, llb.WithLayerLimit(2), llb.WithImageChecksum(D)),
		llb.Image("ghcr.io/o/b:1@"+D, llb.ResolveModePreferLocal), llb.Image("localhost/c", llb.ResolveModeDefault),
		llb.OCILayout("base@"+D, llb.OCIStore("sess", "store"), llb.OCILayerLimit(1)),
		llb.OCILayout("bare@" + D)})
}

func localOptions() llb.State {
	return llb.Local("context", llb.IncludePatterns([]string{"a b", "\"\\\t\u2028<>&é"}), llb.ExcludePatterns([]string{"!x"}), llb.FollowPaths([]string{"f"}),
		llb.SharedKeyHint("hint"), llb.Differ(llb.DiffNone, true), llb.MetadataOnlyTransfer([]string{"keep"}), llb.LocalUniqueID("unique"))
}

func httpOptions() llb.State {
	return llb.HTTP("https://example.com/w?a=1&b=2", llb.Checksum(D), llb.Filename("w"), llb.Chmod(0o755), llb.Chown(7, 8), llb.AuthHeaderSecret("auth"),
		llb.Header(llb.HTTPHeader{Accept: "a/b", UserAgent: "me/1"}))
}

func gitSSH() llb.State {
	return llb.Merge([]llb.State{
		llb.Git("git@example.com:team/repo.git", "", llb.GitRef("v1"), llb.GitSubDir("a/b"), llb.KnownSSHHosts("example.com ssh-ed25519 AAAA"), llb.MountSSHSock("agent"),
			llb.GitChecksum("0123456789abcdef0123456789abcdef01234567"), llb.GitSkipSubmodules(), llb.KeepGitDir()),
		llb.Git("example.com/repo", "", llb.AuthTokenSecret("T"), llb.AuthHeaderSecret("H")),
		llb.Git("ssh://git@example.com:22/repo", "", llb.KnownSSHHosts("k\n"))})
}

func said() llb.State {
	yaml := llb.NewSourceMap(nil, "cog.yaml", "yaml", []byte("a\nb\nc\n"))
	req := llb.NewSourceMap(func() *llb.State { s := llb.Local("dockerfile", llb.SessionID("s")); return &s }(), "requirements.txt", "text", []byte("x\n"))
	rng := func(l1, c1, l2, c2 int) *pb.Range {
		return &pb.Range{Start: &pb.Position{Line: int32(l1), Character: int32(c1)}, End: &pb.Position{Line: int32(l2), Character: int32(c2)}}
	}
	a := bb().Run(llb.Args([]string{"a"}), llb.WithCustomName("step a"), yaml.Location([]*pb.Range{rng(1, 0, 1, 1), rng(2, 0, 3, 0)}), req.Location([]*pb.Range{rng(1, 0, 1, 0)}),
		llb.ProgressGroup("g", "group", true), llb.WithDescription(map[string]string{"k": "v"}), llb.WithoutExportCache()).Root()
	return a.File(llb.Rm("/x"), llb.IgnoreCache, llb.WithExportCache(), yaml.Location([]*pb.Range{rng(2, 0, 2, 0)}), llb.ProgressGroup("g", "group", false))
}

func diffUpperScratch() llb.State { return llb.Diff(bb(), llb.Scratch()) }

func vectors(dir string) {
	write(dir, "exec_options", options())
	write(dir, "exec_outputs", outputs())
	write(dir, "exec_secrets", secrets())
	write(dir, "exec_secret_env", secretEnv())
	none := pb.Caps.CapSet([]*apicaps.PBCap{{ID: "exec.meta.base", Enabled: true}})
	all := pb.Caps.CapSet(pb.Caps.All())
	write(dir, "exec_path_added", sshPath(), llb.WithCaps(none))
	write(dir, "exec_path_left", sshPath(), llb.WithCaps(all))
	write(dir, "exec_windows", windows(), llb.WithCaps(none), llb.Platform(ocispecs.Platform{OS: "windows", Architecture: "amd64"}))
	write(dir, "platforms", platformsState())
	write(dir, "copy_all", copyAll())
	write(dir, "file_mix", fileMix())
	write(dir, "file_scratch", fileScratch())
	write(dir, "merge_twice", mergeTwice())
	write(dir, "diff_to_scratch", diffUpperScratch())
	write(dir, "image_options", imageOptions())
	write(dir, "local_options", localOptions())
	write(dir, "http_options", httpOptions())
	write(dir, "git_ssh", gitSSH())
	write(dir, "said", said())
}

func op(st llb.State) *pb.Op {
	def, err := st.Marshal(ctx, llb.LinuxAmd64)
	must(err)
	var o pb.Op
	n := len(def.Def) - 2
	must(o.UnmarshalVT(def.Def[n]))
	return &o
}

type result struct {
	In  any `json:"in"`
	Out any `json:"out"` // null: refused
}

func tables(dir string) {
	var had map[string][]struct {
		In json.RawMessage `json:"in"`
	}
	dt, err := os.ReadFile(filepath.Join(dir, "tables.json"))
	must(err)
	must(json.Unmarshal(dt, &had))
	in := map[string][]json.RawMessage{}
	for name, rows := range had {
		for _, r := range rows {
			in[name] = append(in[name], r.In)
		}
	}
	out := map[string][]result{}
	text := func(r json.RawMessage) string { var s string; must(json.Unmarshal(r, &s)); return s }
	for _, r := range in["references"] {
		s := text(r)
		res := result{In: s}
		if n, err := reference.ParseNormalizedNamed(s); err == nil {
			res.Out = reference.TagNameOnly(n).String()
		}
		out["references"] = append(out["references"], res)
	}
	for _, r := range in["platforms"] {
		s := text(r)
		res := result{In: s}
		if p, err := platforms.Parse(s); err == nil {
			p = platforms.Normalize(p)
			res.Out = []string{p.OS, p.Architecture, p.Variant, p.OSVersion}
		}
		out["platforms"] = append(out["platforms"], res)
	}
	for _, r := range in["digests"] {
		s := text(r)
		res := result{In: s, Out: false}
		if _, err := digest.Parse(s); err == nil {
			res.Out = true
		}
		out["digests"] = append(out["digests"], res)
	}
	for _, r := range in["git"] {
		s := text(r)
		src := op(llb.Git(s, "", llb.KnownSSHHosts("k"))).GetSource()
		res := result{In: s}
		if !strings.HasPrefix(src.Identifier, "git://https://") { // else it could not be read, and fails in the build
			res.Out = []string{src.Identifier, src.Attrs["git.fullurl"], src.Attrs["git.mountsshsock"]}
		}
		out["git"] = append(out["git"], res)
	}
	for _, r := range in["paths"] {
		var pair []string
		must(json.Unmarshal(r, &pair))
		cwd, p := pair[0], pair[1]
		base := llb.Scratch().Dir(cwd)
		acts := op(base.File(llb.Mkdir(p, 0o755).Copy(bb().Dir(cwd), p, p).Rm(p))).GetFile().Actions
		run := op(bb().Dir(cwd).Dir(p).Run(llb.Args([]string{"x"})).Root()).GetExec()
		out["paths"] = append(out["paths"], result{In: pair, Out: map[string]string{"path": acts[0].GetMkdir().Path, "src": acts[1].GetCopy().Src, "dest": acts[1].GetCopy().Dest, "rm": acts[2].GetRm().Path, "cwd": run.Meta.Cwd}})
	}
	for _, r := range in["mounts"] {
		var list []string
		must(json.Unmarshal(r, &list))
		e := bb().Run(llb.Args([]string{"x"}))
		for _, d := range list {
			e.AddMount(d, llb.Scratch())
		}
		res := [][]any{}
		for _, m := range op(e.Root()).GetExec().Mounts {
			res = append(res, []any{m.Dest, m.Output})
		}
		out["mounts"] = append(out["mounts"], result{In: list, Out: res})
	}
	for _, r := range in["env"] {
		var list [][]string
		must(json.Unmarshal(r, &list))
		st := bb()
		for _, kv := range list {
			st = st.AddEnv(kv[0], kv[1])
		}
		out["env"] = append(out["env"], result{In: list, Out: op(st.Run(llb.Args([]string{"x"})).Root()).GetExec().Meta.Env})
	}
	for _, r := range in["hosts"] {
		s := text(r)
		res := result{In: s}
		if ip := net.ParseIP(s); ip != nil {
			res.Out = ip.String()
		}
		out["hosts"] = append(out["hosts"], res)
	}
	for _, r := range in["lists"] {
		var list []string
		must(json.Unmarshal(r, &list))
		out["lists"] = append(out["lists"], result{In: list, Out: op(llb.Local("x", llb.IncludePatterns(list))).GetSource().Attrs["local.includepattern"]})
	}
	f, err := os.Create(filepath.Join(dir, "tables.json"))
	must(err)
	enc := json.NewEncoder(f)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", " ")
	must(enc.Encode(out))
	must(f.Close())
}

func main() {
	dir := os.Args[1]
	vectors(dir)
	tables(dir)
}
