"""Rows that a careful reader would not train on, and rows that only look so; all written for the tests.

Each is the turns of one conversation, the client's first, keyed by the exit it should leave by.
"""

from caretune.corpus.quality.assessment import Thresholds
from caretune.records import Message

THRESHOLDS = Thresholds(
    max_message_chars=20_000,
    max_row_chars=100_000,
    min_client_words=3,
    min_reply_words=10,
    min_language=0.25,
    min_variety=0.6,
    min_naturalness=0.6,
    min_specificity=0.25,
    min_fit=0.1,
    min_transcription_quality=0.5,
    min_coherence=0.1,
)
"""Those of params.yaml."""

BAD = {
    "other_language": [
        ("No puedo dormir desde que mi madre se fue de casa y no sé con quién hablar de todo esto.", "Lo siento mucho. Perder la rutina con tu madre duele, y es normal que el sueño se resienta. ¿Qué haces cuando te despiertas por la noche?"),
        ("Seit meine Freundin weg ist, sitze ich jeden Abend allein in der Küche und weiß nicht weiter.", "Das klingt nach sehr langen Abenden. Gibt es jemanden, mit dem du in dieser Zeit sprechen kannst, oder bist du meistens für dich?"),
        ("Je me dispute avec mon frère à chaque repas et après je me sens coupable pendant des jours.", "Vous portez cette culpabilité longtemps. Qu'est-ce qui se passe juste avant que la dispute commence, selon vous ?"),
        ("Tenho medo de falar nas reuniões do trabalho e o meu chefe já reparou nisso.", "Esse medo é muito comum. O que é que imagina que pode acontecer quando começa a falar?"),
        ("मुझे रात को नींद नहीं आती और मैं बहुत परेशान रहता हूँ", "यह सुनकर दुख हुआ। आप कब से ऐसा महसूस कर रहे हैं?"),
        ("我最近总是睡不着觉,心里很难受,不知道该和谁说。", "听起来你最近很辛苦。这种情况持续多久了?"),
        ("Od miesiąca boję się wychodzić z domu i wszystko mnie męczy, nawet zakupy.", "To musi być bardzo trudne. Kiedy zaczęło się to uczucie i co wtedy działo się w twoim życiu?"),
        ("I can't sleep since my son moved out and the house is too quiet now, is that normal?", "Es ist ganz normal, dass die Stille im Haus weh tut, wenn ein Kind auszieht. Versuche, am Abend etwas zu planen, das dir gut tut."),
        # No language at all.
        ("asdkjh qwlekj zxmcnb qpwoei alskdj zmxncb tyrueiw qopwie ghfjdk vbnrty plokij", "sdkfjh wieuryt mnbvcx lkjhgf poiuyt trewq asdfgh zxcvbnm qazwsx edcrfv rtgbhy ujmnki"),
        ("i feel low since spring", "QWxsIGdvb2QgdGhpbmdzIGNvbWUgdG8gdGhvc2Ugd2hvIHdhaXQ QWxsIGdvb2QgdGhpbmdzIHdhaXQgYWxsIGdvb2Q ZGVhciBmcmllbmQgb2YgbWluZSBzbGVlcCB3ZWxs"),
    ],
    "too_short": [
        ("hi", "hey"),
        ("hello there how are you", "fine"),
        ("my girlfriend left me last month and i can't stop thinking about it", "ok"),
        ("I feel sad all the time lately and do not know why", "Why?"),
        ("thanks", "You're welcome!"),
        ("I get nervous before every meeting at work, what can I do", "Yes."),
    ],
    "repetitive": [
        ("I feel down since the move and I barely see my friends", "Try to breathe slowly. " * 25),
        ("My marriage is falling apart and I am scared of being alone", "I hear you and I am here for you. " * 15),
        ("work stresses me out every day, my boss shouts at us", "it will be okay it will be okay it will be okay " * 8),
        ("I panic on the train and have to get off", "Tell me more about the panic on the train.", "it starts in my chest", "Tell me more about the panic on the train.", "then i can't breathe", "Tell me more about the panic on the train.", "i get off", "Tell me more about the panic on the train.", "and walk", "Tell me more about the panic on the train."),
        ("help me " * 60, "What is it that you need help with today, and how long has it felt this way?"),
        ("My sister and I have not spoken since the funeral and I miss her very much every single evening", "My sister and I have not spoken since the funeral and I miss her very much every single evening " * 4),
    ],
    "generic_reply": [
        ("My dad's farm is being sold and I grew up in that barn, I keep crying over a tractor", "I'm so sorry you're going through this. I understand how you feel. Things will get better with time. I'm here for you."),
        ("every time the phone rings I think it is the hospital about my brother", "Thank you for sharing that with me. That sounds really hard. You are not alone, and I'm always here to listen to you."),
        ("I failed my nursing exam twice and my parents tell everyone I'm already a nurse", "I understand. It is okay to feel that way. Everything happens for a reason, and you will find your way. Stay strong!"),
        ("my boyfriend reads my messages when I shower", "That sounds really tough. It's important to take care of yourself. Remember that you are worth it, and it's okay to ask for help."),
        ("I eat standing in the kitchen at night so nobody sees me", "I hear you. What you feel is valid. Take it one day at a time, and know that things can change. You've got this!"),
        ("since the twins came I have not felt like myself and I hide in the garage", "I can see that this is not easy for you. I'm sorry that you feel this way. Please know that I care, and that I am here if you need to talk."),
        ("I moved to Lisbon for his job and now I sit in a flat with no one to speak to", "Wow, that is a lot. I am glad you told me. Be kind to yourself, keep going, and believe that good things will come to you."),
    ],
    "template_reply": [
        ("I have been anxious about flying to the wedding in June", "Hi {{first_name}}, thank you for writing about flying and the wedding. Anxiety before a flight is common, and slow breathing at the gate can help."),
        ("my grandmother moved away and I miss her kitchen", "Dear [Insert name], losing the afternoons in your grandmother's kitchen must hurt. A letter to her each week may keep some of them."),
        ("I want to stop drinking on weekends", "As an AI language model, I do not drink, but many people plan their weekends around other things when they stop drinking."),
        ("my wife says I never listen when she talks about work", "Lorem ipsum dolor sit amet. It can be that she wants you to put the phone down when she comes in from work."),
        ("my son refuses to go to school in the mornings", "Thank you for your message about [your name]'s son. School refusal often begins with worry, so ask what the mornings are like for him."),
        ("I argue with my mother about the wedding guests", "I'm sorry, but I cannot assist with that request about your mother and the wedding guests."),
    ],
    "incoherent_answer": [
        ("My mother moved in with us in March and since then my husband sleeps in the study. She comments on how I cook, how I dress the kids, even how I fold towels. I love her but I count the days until her operation is over and she goes home.", "Before an exam the body treats the classroom like a cliff edge. Two weeks of short mock papers, timed with a kitchen clock, teach it otherwise. Put the phone in another room, revise the topic you dislike first, and stop at nine so the evening still belongs to you. Which subject frightens you most?"),
        ("I wash my hands until they are raw because I picture germs crawling from every door handle on the bus. My flatmates laugh about the soap I buy. I feel foolish, I know it makes no sense, and I still scrub every tap, switch and spoon twice before breakfast.", "Losing a dog after fourteen years leaves a silence at the gate and a lead on the hook. Grief for an animal is grief. Some people plant a rose in the garden, others keep the collar in a drawer or print photos of puppy days. How did the two of you spend Sundays together?"),
        ("After twenty years in the same office they replaced our team with software. I put on a suit every morning and sit in the library so the neighbours don't notice. My wife thinks I still have the job.", "Teenagers often starve quietly, skipping breakfast and wearing wide sweaters. Eat together without talking about calories, see the family doctor this week, and ask a specialist clinic about their waiting list. What does your daughter say about her weight?"),
        ("My roommate plays drums past midnight and the landlord does not answer. I lie there with clenched teeth composing angry letters in my head, and at the lab next morning I mix up samples.", "Coming out to religious grandparents is a decision, never a duty. You choose the timing, the words and who sits beside you. Some write first so nobody has to react on the spot. Which cousin already knows you are gay and might hold your hand?"),
        ("I opened a bottle on Friday after eleven months sober. Old colleagues bought whisky, I drank four glasses and cried in the taxi. My sponsor has not heard from me since.", "Stage fright shrinks when the audience becomes people again. Pick three faces, play the opening bars slower than you rehearsed, and let your shoulders drop. Violinists shake too; the bow hides it. When is the recital?"),
        ("Our baby was stillborn in October and people cross the street to avoid me. The nursery door is shut. I hear the neighbours' newborn through the wall and put on headphones.", "A budget turns dread into arithmetic. List every loan with its interest, phone the lender that charges most, and open the envelopes on one fixed afternoon. Free advisers negotiate with creditors daily. Which bill arrived most recently?"),
    ],
    "not_therapeutic": [
        ("How long do I roast a chicken of two kilos?", "Rub it with butter and salt, then roast at 200 degrees for about eighty minutes, until the juices run clear. Baste twice, cover the breast with foil, and serve with potatoes."),
        ("Can you share a recipe for banana bread without eggs?", "Mash three ripe bananas, stir in oil, sugar, flour and baking powder, and bake the loaf for fifty minutes at 180 degrees. Cool it on a rack before slicing."),
        ("What do I need for a lentil soup for six?", "Fry onions and carrots, add 400 grams of lentils, two litres of stock and a tin of tomatoes, simmer for half an hour and finish with lemon and cumin."),
        ("Write a Python function that reverses a string.", "Here you go:\n\ndef reverse(text):\n    return text[::-1]\n\nThe slice walks the string from the last character to the first, so no loop is needed."),
        ("Why does my SQL query return duplicate customers?", "The join to the orders table yields one line per order. Group by the customer id, or select distinct, and check that the index covers both columns."),
        ("How do I centre a div with CSS?", "Make the container a flex box, then set justify-content and align-items to center. A grid with place-items works as well, in fewer lines."),
        ("git says my branch has diverged from origin, what now?", "Fetch first, then rebase your commits on top of the remote branch and push. If the history is shared with colleagues, merge rather than rebase."),
        ("Who won the cup final on Sunday?", "The visitors took it two to one after extra time. The winning header came from a corner in minute 108, and the keeper saved a penalty before that."),
        ("Is our striker fit for the derby?", "The coach told the press that he trained with the squad on Thursday and will probably begin on the bench. The new winger should play from the first whistle."),
        ("Which racket string tension suits a beginner in tennis?", "Take about 23 kilos. A looser bed gives the ball more depth, a tighter one more control, and multifilament strings are easier on the elbow."),
        ("What is the capital of Australia?", "The capital is Canberra, not Sydney. It was chosen in 1908 as a compromise between Sydney and Melbourne, and parliament moved there in 1927."),
        ("Solve 3x + 5 = 20 for x please.", "Subtract five from both sides to get 3x = 15, then divide by three. The answer is x = 5, and you can check it by inserting it into the equation."),
        ("Any tips for three days in Rome with a small suitcase?", "Book the Vatican museums for the early slot, walk from the Pantheon to Trastevere in the afternoon, and buy a metro ticket for 72 hours at the station."),
        ("hey what did you do at the weekend", "We drove up to the lake with the canoe, grilled some corn and watched the regatta. Then it rained, so we played cards in the van. And you?"),
        ("which laptop should i buy for video editing, budget 1500", "Look for sixteen gigabytes of memory, a recent eight-core processor and a bright screen. The 14 inch models from last spring are discounted by most shops at present."),
        ("i love sunny days, we are off to the beach at noon", "Sounds lovely! Is it the pebble one near the harbour? Take the blue parasol, the kiosk sells lemonade and the tide turns around three.", "yes the pebble one, my brother brings the volleyball net", "Nice, I will bring my towel and the crisps. Text me the parking spot and I'll cycle over after lunch."),
        ("I'm so happy, we finally booked the flights to Japan!", "Great news! Which cities did you pick? In April the cherry trees bloom in Kyoto, and the rail pass pays off if you also travel to Hiroshima.", "Tokyo and Kyoto, my cousin wants to see a baseball game", "You will like the stadium food. Buy tickets early, seats behind home plate sell out within minutes."),
        ("my cat knocked the plant off the shelf again lol", "Ha, mine does that too! I put double-sided tape on my shelf and she gave up. Which plant was it?", "the fern, soil everywhere, i vacuumed twice", "Ferns survive a lot. Repot it in fresh compost, water it from below, and hang it from the ceiling hook."),
        ("what shall we watch tonight, comedy or western", "I vote for the comedy with the two bakers, my neighbour laughed all the way through. It starts at eight on channel four.", "ok i bring popcorn", "Salted for me please. I'll set up the projector in the garden if it stays dry."),
        ("just got my driving licence, thinking of a used hatchback", "Congrats! Check the tyres, the timing belt and the service book, and test the clutch uphill. Small engines cost less to insure.", "my uncle sells a red one from 2015", "Ask him for the inspection papers and take it to a garage before you sign."),
        ("i want to paint my kitchen yellow, which paint lasts", "Use a washable acrylic in a satin finish. Clean the grease off first, prime the stains, and put two thin coats on with a roller."),
        ("can you plan my workout split for the gym", "Monday chest and triceps, Wednesday back and biceps, Friday legs and shoulders. Three sets of ten each, two minutes between sets, and add weight every second week."),
        ("did you see the new series about the submarine?", "I watched four episodes on Saturday. The camera work in the engine room is great, though the captain's accent wanders. The last one airs next Thursday."),
    ],
    "unnatural": [
        ("i keep arguing with my manager and dread mondays", "||||| ----- ##### ..... ;;;;; ===== +++++ ***** ///// <<<<< >>>>> !!!!! ????? ok ok ok"),
        ("my sister stopped calling after the wedding and i feel lost", '{"0":[[1,2],[3,4]],"1":[[5,6],[7,8]],"2":[[9,0]],"3":{"x":"","y":"","z":[0,0,0]},"4":null}'),
        ("I feel sad about my job lately", "### $$$ 00 >> @@ 11 // ** 2233 || == ++ ~~ %% ^^ 99 :: ;; ## 4455 -- << [] {} () && 66 77 88 =="),
        ("my anxiety is bad today please help me with it", "<div class='c'><p><b>1</b></p><p><i>2</i></p></div><table><tr><td>3</td><td>4</td></tr></table><br/><hr/><a href='#'>5</a>"),
        ("I don\u00e2\u20ac\u2122t know what\u00e2\u20ac\u2122s wrong with me, I can\u00e2\u20ac\u2122t sleep", "That\u00e2\u20ac\u2122s hard. You\u00e2\u20ac\u2122re not alone, it\u00e2\u20ac\u2122s okay to say \u00e2\u20ac\u0153I can\u00e2\u20ac\u2122t\u00e2\u20ac. What\u00e2\u20ac\u2122s keeping you up at night?"),
        ("1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23", "24 25 26 27 28 29 30 31 32 33 34 35 36 37 38 39 40 41 42 43 44 45 46 47"),
    ],
}  # fmt: skip

UNSEEN = {
    "other_language": [
        ("Mio padre non mi parla da due anni e a Natale dovrò sedermi di fronte a lui.", "Due anni di silenzio pesano molto. Che cosa vorresti che succedesse quel giorno a tavola, se potessi scegliere?"),
        ("Ik slaap slecht sinds mijn ontslag en ik durf het mijn vrouw niet te vertellen.", "Dat is een zwaar geheim om alleen te dragen. Wat denk je dat ze zou zeggen als ze het wist?"),
        ("Jag orkar inte g\u00e5 till jobbet l\u00e4ngre och p\u00e5 morgnarna gr\u00e5ter jag i duschen.", "Det l\u00e5ter v\u00e4ldigt tungt. Vad h\u00e4nder i kroppen n\u00e4r du vaknar, och n\u00e4r b\u00f6rjade det?"),
    ],
    "repetitive": [
        ("I worry about my exams in June", "Make a plan and stick to it. Make a plan and stick to it every day. Make a plan and stick to it. Make a plan and stick to it every day. Make a plan and stick to it."),
        ("my wife is distant since the baby came", "Talk to her. Talk to her. Talk to her. Talk to her tonight. Talk to her. Talk to her. Talk to her tonight."),
    ],
    "generic_reply": [
        ("My landlord raised the rent and I skip lunch so my girls can have theirs", "I'm really sorry to hear that. It must be so hard. Just know that you are doing your best and that is enough. Hang in there!"),
        ("I stutter and at the pharmacy the queue laughed at me", "Thank you for opening up. Your feelings matter. Give yourself time, and remember to be gentle with yourself. I believe in you."),
        ("the adoption papers came today and I learned I have a twin", "That is a lot to take in. Take a deep breath and take things slowly. I am here for you whenever you want to talk."),
        ("I gamble on my phone in the bathroom at work", "I hear how difficult this is. Asking for help is a sign of strength. Stay positive and things will work out in the end."),
    ],
    "incoherent_answer": [
        ("My twin brother enlisted and ships out next week. Our parents throw a barbecue, everybody toasts, and I stand behind the shed because I am furious with him for leaving me with the farm and the loans.", "Panic in supermarkets often peaks near the checkout. Choose the quiet hour, hold something cold from the freezer, and count ceiling lamps. Leave the trolley if you must; nobody minds. Did your heart race before the first aisle or later?"),
        ("Since the stroke my left hand is clumsy and the choir director seated me in the back row. I used to play the organ at weddings. Now children stare when I drop the hymn book.", "Toddlers who bite are usually short of words. Name what she wants, offer a teether, keep your voice flat, and praise the nursery staff when they do the same. How many teeth are coming through, and is she tired at pick-up?"),
        ("My manager praises me in public and then rewrites every slide at midnight. I open the laptop at six with a stomach ache. HR is her best friend from college.", "A mother's garden can be a way to keep her near. Take cuttings of the roses before the cottage is sold, write down her recipe for quince jelly, and visit the grave when the weather suits you. What did her hands smell of?"),
    ],
    "not_therapeutic": [
        ("how do i sharpen a kitchen knife", "Hold the blade at twenty degrees, draw it along the whetstone from heel to tip, ten strokes a side, then polish on leather."),
        ("Translate 'good morning' into Norwegian.", "It is 'god morgen'. Before nine people often just say 'morn', and in shops you will hear 'hei' at any hour."),
        ("What's the offside rule?", "A player is offside if nearer to the goal line than both the ball and the last but one opponent when a teammate plays the pass."),
        ("my sourdough does not rise", "Feed the starter twice a day at 25 degrees until it doubles in four hours. Use strong flour, and let the dough prove overnight in the fridge."),
        ("we adopted a puppy yesterday!! he is so cute", "Aww, congratulations! What breed is he? Mine chewed two slippers in the first week, so keep your shoes on a shelf.", "a beagle, he sleeps on my lap", "Beagles follow their nose, so take a long lead to the park and hide treats in the grass."),
        ("explain what a linked list is", "Each node stores a value and a pointer to the next node. Inserting at the head takes constant time, finding an element takes linear time."),
    ],
    "unnatural": [
        ("i feel awful after the argument with my dad", "|---|---|---| \\n| 1 | 2 | 3 | \\n|---|---|---| \\n| 4 | 5 | 6 | \\n|---|---|---|"),
        ("my husband drinks again and i hide the keys", "\ufffd\ufffd h\ufffdr y\ufffd\ufffd. Wh\ufffdt d\ufffd y\ufffd\ufffd n\ufffd\ufffdd t\ufffdn\ufffdght fr\ufffdm h\ufffdm \ufffdr fr\ufffdm m\ufffd?"),
    ],
}  # fmt: skip
"""Written after the lists and the thresholds were settled: 15 of 20 left at first sight.

Three of the rest led to a change (one therapeutic word alone counts in a talk only; stock words).
"""

GOOD = {
    "slang": ("ngl im so done w my flatmate lol he eats my food n then says i forgot i bought none 😭😭😭", "Ha, a vanishing fridge would wind me up too. Under the lol it sounds like you feel taken for a ride. What happens when you bring it up with your flatmate?"),
    "capitals": ("WHY DOES MY MOTHER CALL ME FAT IN FRONT OF MY KIDS", "That's humiliating, and in front of your kids it stings twice. Your mother may call it care; you're allowed to call it hurtful. What would you like to say the next time?"),
    "knowledge": ("What is classical conditioning?", "It is learning by association, described by Pavlov. A neutral stimulus that comes before a meaningful one begins to bring on the same response, as a bell did for his dogs."),
    "no word of feeling": ("Why do we forget names so quickly?", "A name is an arbitrary label, so it has few links to what you know already. Saying it aloud once, or tying it to a picture, gives it a hook."),
    "curly": ("I don\u2019t sleep since the move \u2013 my husband says \u201cgive it time\u201d\u2026", "\u201cGive it time\u201d can land like a closed door. You\u2019re awake in a new room, in the dark, while he sleeps. What goes round in your head?"),
    "two languages": ("My abuela says 'ya basta' when I cry and I feel ashamed for grieving my dog this long.", "Your abuela may mean it kindly, and grief doesn't end because somebody says basta. A dog is company every day of the year. What do you miss most?"),
}  # fmt: skip
"""Rows that look unlike the rest and are sound."""

CRISIS = {
    "short": ("i want to die", "Are you safe?"),
    "generic": ("I took pills an hour ago and nobody knows", "I'm so sorry you're going through this. I understand how you feel. Things will get better. I'm here for you."),
    "repetitive": ("kill me " * 40, "I am here. Are you safe? " * 20),
    "off the subject": ("how do i tie a rope so it holds a person", "A bowline makes a fixed loop: pass the end up through the eye, round the standing part and back down. Pull it tight, and test it twice."),
    "incoherent": ("They said at the hospital that the wound needs a week. I keep thinking of the blade in the drawer, my mother's face in the doorway, the towel. Nobody at the office has asked. I write farewell notes in the canteen.", "Budget dread turns into arithmetic. List every loan with its interest, phone the lender that charges most, and open envelopes on one fixed afternoon. Free advisers negotiate with creditors daily. Which bill arrived most recently?"),
    "unnatural": ("!!!! #### ???? .... no way out ----- ===== ***** ///// ;;;;; :::::", "I am with you in this. Please call your emergency number now, and tell me where you are."),
}  # fmt: skip
"""Rows of a crisis that would leave by one exit each if they were of anything else."""


def messages(turns):
    """Return turns as messages that alternate, the client's first."""
    roles = ("user", "assistant")
    return [Message(roles[number % 2], turn) for number, turn in enumerate(turns)]
