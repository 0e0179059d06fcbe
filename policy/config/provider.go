package config

import (
	"slices"
	"strings"

	"github.com/purser/purser/policy"
)

// provider is where and how a provider of models is reached.
type provider struct {
	name   string
	format policy.Format
	base   string   // where it is; "": api_base must say
	bases  []string // variables that say so where api_base does not
	keys   []string // variables that hold the credential where api_key does not
	header string   // of the credential; "": authorization, with Bearer
	free   bool     // it may need no credential
	why    string   // why it is not served; "": it is
}

// openai is a provider with OpenAI's API at an address of its own.
func openai(name, base, prefix string) provider {
	p := provider{name: name, format: policy.FormatOpenAI, base: base}
	for _, prefix := range strings.Fields(prefix) {
		p.bases = append(p.bases, prefix+"_API_BASE")
		p.keys = append(p.keys, prefix+"_API_KEY")
	}
	return p
}

// local is a server of one's own with OpenAI's API.
func local(name, base, prefix string) provider {
	p := openai(name, base, prefix)
	p.free = true
	return p
}

// foreign is a provider whose API is not among those that are spoken here.
func foreign(why string, names ...string) []provider {
	all := make([]provider, len(names))
	for i, name := range names {
		all[i] = provider{name: name, why: why}
	}
	return all
}

const (
	signs    = "it signs each request with AWS credentials, which Purser does not do"
	logsIn   = "it logs in for each session, which Purser does not do"
	ownShape = "it has an API of its own, which Purser does not speak"
	notLLM   = "it serves no API that Purser knows"
)

// providers are LiteLLM's, by its names. The addresses and variables are those
// that LiteLLM uses.
var providers = slices.Concat([]provider{
	{name: "openai", format: policy.FormatOpenAI, base: "https://api.openai.com/v1", bases: []string{"OPENAI_BASE_URL", "OPENAI_API_BASE"}, keys: []string{"OPENAI_API_KEY"}},
	{name: "text-completion-openai", format: policy.FormatOpenAI, base: "https://api.openai.com/v1", bases: []string{"OPENAI_BASE_URL", "OPENAI_API_BASE"}, keys: []string{"OPENAI_API_KEY"}},
	{name: "azure", format: policy.FormatAzure, bases: []string{"AZURE_API_BASE"}, keys: []string{"AZURE_API_KEY", "AZURE_OPENAI_API_KEY"}, header: "api-key"},
	{name: "azure_text", format: policy.FormatAzure, bases: []string{"AZURE_API_BASE"}, keys: []string{"AZURE_API_KEY", "AZURE_OPENAI_API_KEY"}, header: "api-key"},
	{name: "azure_ai", format: policy.FormatOpenAI, bases: []string{"AZURE_AI_API_BASE"}, keys: []string{"AZURE_AI_API_KEY"}},
	{name: "anthropic", format: policy.FormatAnthropic, base: "https://api.anthropic.com", bases: []string{"ANTHROPIC_API_BASE", "ANTHROPIC_BASE_URL"}, keys: []string{"ANTHROPIC_API_KEY"}, header: "x-api-key"},
	{name: "gemini", format: policy.FormatGemini, base: "https://generativelanguage.googleapis.com", bases: []string{"GEMINI_API_BASE"}, keys: []string{"GEMINI_API_KEY", "GOOGLE_API_KEY"}, header: "x-goog-api-key"},
	openai("cohere", "https://api.cohere.ai/compatibility/v1", "COHERE CO"),
	openai("cohere_chat", "https://api.cohere.ai/compatibility/v1", "COHERE CO"),
	openai("jina_ai", "https://api.jina.ai/v1", "JINA JINA_AI"),
	openai("groq", "https://api.groq.com/openai/v1", "GROQ"),
	openai("mistral", "https://api.mistral.ai/v1", "MISTRAL"),
	openai("codestral", "https://codestral.mistral.ai/v1", "CODESTRAL"),
	openai("deepseek", "https://api.deepseek.com/beta", "DEEPSEEK"),
	openai("together_ai", "https://api.together.ai/v1", "TOGETHER TOGETHER_AI TOGETHERAI"),
	openai("openrouter", "https://openrouter.ai/api/v1", "OPENROUTER OR"),
	openai("xai", "https://api.x.ai/v1", "XAI"),
	openai("perplexity", "https://api.perplexity.ai", "PERPLEXITY PERPLEXITYAI"),
	openai("fireworks_ai", "https://api.fireworks.ai/inference/v1", "FIREWORKS FIREWORKS_AI FIREWORKSAI"),
	openai("deepinfra", "https://api.deepinfra.com/v1/openai", "DEEPINFRA"),
	openai("cerebras", "https://api.cerebras.ai/v1", "CEREBRAS"),
	openai("nvidia_nim", "https://integrate.api.nvidia.com/v1", "NVIDIA_NIM"),
	openai("sambanova", "https://api.sambanova.ai/v1", "SAMBANOVA"),
	openai("nebius", "https://api.studio.nebius.ai/v1", "NEBIUS"),
	openai("anyscale", "https://api.endpoints.anyscale.com/v1", "ANYSCALE"),
	openai("moonshot", "https://api.moonshot.ai/v1", "MOONSHOT"),
	openai("dashscope", "https://dashscope-intl.aliyuncs.com/compatible-mode/v1", "DASHSCOPE"),
	openai("qwencloud", "https://dashscope-intl.aliyuncs.com/compatible-mode/v1", "QWENCLOUD DASHSCOPE"),
	openai("qwen_ai_platform", "https://dashscope.aliyuncs.com/compatible-mode/v1", "QWEN_AI_PLATFORM DASHSCOPE"),
	openai("zai", "https://api.z.ai/api/paas/v4", "ZAI"),
	openai("minimax", "https://api.minimax.io/v1", "MINIMAX"),
	openai("hyperbolic", "https://api.hyperbolic.xyz/v1", "HYPERBOLIC"),
	openai("lambda_ai", "https://api.lambda.ai/v1", "LAMBDA"),
	openai("novita", "https://api.novita.ai/v3/openai", "NOVITA"),
	openai("featherless_ai", "https://api.featherless.ai/v1", "FEATHERLESS_AI FEATHERLESS"),
	openai("friendliai", "https://api.friendli.ai/serverless/v1", "FRIENDLIAI FRIENDLI"),
	openai("galadriel", "https://api.galadriel.com/v1", "GALADRIEL"),
	openai("github", "https://models.inference.ai.azure.com", "GITHUB"),
	openai("meta_llama", "https://api.llama.com/compat/v1", "LLAMA"),
	openai("meta", "https://api.meta.ai/v1", "META"),
	openai("volcengine", "https://ark.cn-beijing.volces.com/api/v3", "VOLCENGINE ARK"),
	openai("ai21", "https://api.ai21.com/studio/v1", "AI21"),
	openai("ai21_chat", "https://api.ai21.com/studio/v1", "AI21"),
	openai("baseten", "https://inference.baseten.co/v1", "BASETEN"),
	openai("voyage", "https://api.voyageai.com/v1", "VOYAGE"),
	openai("vercel_ai_gateway", "https://ai-gateway.vercel.sh/v1", "VERCEL_AI_GATEWAY"),
	openai("v0", "https://api.v0.dev/v1", "V0"),
	openai("morph", "https://api.morphllm.com/v1", "MORPH"),
	openai("wandb", "https://api.inference.wandb.ai/v1", "WANDB"),
	openai("nscale", "https://inference.api.nscale.com/v1", "NSCALE"),
	openai("aiml", "https://api.aimlapi.com/v1", "AIML"),
	openai("inception", "https://api.inceptionlabs.ai/v1", "INCEPTION"),
	openai("cometapi", "https://api.cometapi.com/v1", "COMETAPI"),
	openai("ovhcloud", "https://oai.endpoints.kepler.ai.cloud.ovh.net/v1", "OVHCLOUD"),
	openai("modelscope", "https://api-inference.modelscope.cn/v1", "MODELSCOPE"),
	openai("amazon_nova", "https://api.nova.amazon.com/v1", "AMAZON_NOVA"),
	openai("clarifai", "https://api.clarifai.com/v2/ext/openai/v1", "CLARIFAI"),
	openai("compactifai", "https://api.compactif.ai/v1", "COMPACTIFAI"),
	openai("edenai", "https://api.edenai.run/v3", "EDENAI"),
	openai("tencent", "https://tokenhub-intl.tencentcloudmaas.com/v1", "TENCENT"),
	openai("empower", "https://app.empower.dev/api/v1", "EMPOWER"),
	openai("publicai", "https://api.publicai.co/v1", "PUBLICAI"),
	openai("helicone", "https://ai-gateway.helicone.ai", "HELICONE"),
	openai("veniceai", "https://api.venice.ai/api/v1", "VENICE_AI"),
	openai("xiaomi_mimo", "https://api.xiaomimimo.com/v1", "XIAOMI_MIMO"),
	{name: "scaleway", format: policy.FormatOpenAI, base: "https://api.scaleway.ai/v1", keys: []string{"SCW_SECRET_KEY"}},
	openai("synthetic", "https://api.synthetic.new/openai/v1", "SYNTHETIC"),
	openai("nano-gpt", "https://nano-gpt.com/api/v1", "NANOGPT"),
	openai("poe", "https://api.poe.com/v1", "POE"),
	openai("chutes", "https://llm.chutes.ai/v1", "CHUTES"),
	openai("aihubmix", "https://aihubmix.com/v1", "AIHUBMIX"),
	openai("gmi", "https://api.gmi-serving.com/v1", "GMI"),
	openai("sarvam", "https://api.sarvam.ai/v1", "SARVAM"),
	openai("parasail", "https://api.parasail.io/v1", "PARASAIL"),
	openai("reka", "https://api.reka.ai/v1", "REKA"),
	openai("cortecs", "https://api.cortecs.ai/v1", "CORTECS"),
	openai("libertai", "https://api.libertai.io/v1", "LIBERTAI"),
	openai("huggingface", "https://router.huggingface.co/v1", "HF HUGGINGFACE"),
	openai("databricks", "", "DATABRICKS"),
	openai("heroku", "", "HEROKU"),
	local("ollama", "http://localhost:11434/v1", "OLLAMA"),
	local("ollama_chat", "http://localhost:11434/v1", "OLLAMA"),
	local("hosted_vllm", "", "HOSTED_VLLM"),
	local("vllm", "", "VLLM"),
	local("openai_like", "", "OPENAI_LIKE"),
	local("custom_openai", "", "OPENAI_LIKE"),
	local("litellm_proxy", "", "LITELLM_PROXY"),
	local("lm_studio", "http://localhost:1234/v1", "LM_STUDIO"),
	local("llamafile", "http://127.0.0.1:8080/v1", "LLAMAFILE"),
	local("xinference", "http://127.0.0.1:9997/v1", "XINFERENCE"),
	local("infinity", "", "INFINITY"),
	local("docker_model_runner", "http://model-runner.docker.internal/engines/llama.cpp/v1", "DOCKER_MODEL_RUNNER"),
	local("lemonade", "http://localhost:8000/api/v1", "LEMONADE"),
	local("oobabooga", "", "OOBABOOGA"),
},
	foreign(signs, "bedrock", "bedrock_converse", "bedrock_mantle", "sagemaker", "sagemaker_chat", "sagemaker_nova", "aws_polly", "transcribe", "aws_textract"),
	foreign("it takes short-lived Google tokens, which Purser does not fetch; gemini/ takes an API key", "vertex_ai", "vertex_ai_beta"),
	foreign(logsIn, "github_copilot", "chatgpt", "gigachat", "watsonx", "watsonx_text", "oci", "sap", "snowflake", "gdc"),
	foreign("it is spoken to through the anthropic/ provider's messages only", "anthropic_text"),
	foreign(ownShape, "replicate", "predibase", "nlp_cloud", "petals", "cloudflare", "triton", "maritalk", "bytez", "datarobot", "ragflow", "langgraph",
		"langflow", "manus", "aleph_alpha", "palm", "text-completion-codestral", "text-completion-inception", "nvidia_riva", "deepgram", "elevenlabs",
		"assemblyai", "soniox", "azure_speech", "fal_ai", "stability", "recraft", "runwayml", "black_forest_labs", "topaz", "gradient_ai", "custom",
		"typesafe", "strands_decider", "nadir", "reducto"),
	foreign(notLLM, "milvus", "pg_vector", "s3_vectors", "valkey", "mongodb", "langfuse", "humanloop", "dotprompt", "auto_router", "litellm_agent", "a2a", "a2a_agent", "cursor"),
)

func findProvider(name string) (provider, bool) {
	i := slices.IndexFunc(providers, func(p provider) bool { return p.name == name })
	if i < 0 {
		return provider{}, false
	}
	return providers[i], true
}

func providerNames() []string {
	names := make([]string, len(providers))
	for i, p := range providers {
		names[i] = p.name
	}
	return names
}

// inferProvider tells a model's provider and its name there, as LiteLLM does:
// by what stands before the first slash, else by the price map, else by how the
// names of the large providers begin. said is custom_llm_provider.
func (r *reader) inferProvider(model, said string) (p provider, target string, ok bool) {
	if said != "" {
		p, ok := findProvider(said)
		return p, strings.TrimPrefix(model, said+"/"), ok
	}
	if name, rest, slash := strings.Cut(model, "/"); slash {
		if p, ok := findProvider(name); ok {
			return p, rest, true
		}
	}
	if e, listed := r.prices.Lookup("", model); listed {
		name := e.Provider
		switch {
		case name == "text-completion-openai":
			name = "openai"
		case strings.HasPrefix(name, "vertex_ai") && strings.HasPrefix(model, "gemini-"):
			name = "gemini"
		case strings.HasPrefix(name, "vertex_ai"):
			name = "vertex_ai"
		}
		if p, ok := findProvider(name); ok {
			return p, model, true
		}
	}
	for _, family := range families {
		if strings.HasPrefix(model, family.start) {
			p, ok := findProvider(family.provider)
			return p, model, ok
		}
	}
	return provider{}, model, false
}

// families are the beginnings of names that say whose a model is.
var families = []struct{ start, provider string }{
	{"gpt-", "openai"}, {"chatgpt-", "openai"}, {"o1", "openai"}, {"o3", "openai"}, {"o4", "openai"}, {"ft:", "openai"}, {"text-embedding-", "openai"},
	{"text-moderation-", "openai"}, {"omni-moderation-", "openai"}, {"dall-e-", "openai"}, {"whisper-", "openai"}, {"tts-", "openai"},
	{"davinci-", "openai"}, {"babbage-", "openai"}, {"codex-", "openai"}, {"sora-", "openai"},
	{"claude-", "anthropic"}, {"gemini-", "gemini"}, {"command-", "cohere"}, {"embed-", "cohere"}, {"rerank-", "cohere"},
	{"mistral-", "mistral"}, {"codestral-", "mistral"}, {"deepseek-", "deepseek"}, {"grok-", "xai"},
}
